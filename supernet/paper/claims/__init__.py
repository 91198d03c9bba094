"""The rules by which a study answers the paper's four claims, one module per claim (docs/understand/verdicts.md)."""
