"""One real node: kubelet, containerd, runc and a bridge, in a world of its own on this machine."""
