"""DARTS as trained by NDS."""
