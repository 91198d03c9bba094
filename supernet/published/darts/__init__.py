"""DARTS architectures trained by NDS."""
