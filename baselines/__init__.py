"""What BERT+GCN is compared with: one file a model, each importing `sgn` only."""
