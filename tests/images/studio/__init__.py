"""The studio, our own WebUI, without its gradio and torch: neither is asked for in here."""
