"""Train super-nets and stand-alone networks; score architectures with shared weights."""
