"""What `./dev bench kube` is made of. Measures the platform from outside; no test lies here."""
