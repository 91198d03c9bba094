"""Training super-nets and stand-alone networks, and scoring architectures with shared weights."""
