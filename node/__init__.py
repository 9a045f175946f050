"""One data process: a Rust data plane and a Python control plane."""
