"""Networks, one per file: `Params` and `build(params)`."""
