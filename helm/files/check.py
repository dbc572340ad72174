"""What `helm test` runs, as the worker: is the platform well, and may it do its work, and no more?

Standard library only. Prints a line for each question; exit status 1 when an answer is wrong.
"""

# ruff: noqa: S310, T201 - it asks the chart's own addresses, and speaks to who reads its log

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path(os.environ.get("CHECK_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))
WITHIN_S = 10

# Verb, API group, resource; cluster-wide unless a namespace is named.
NEEDED = [
    ("watch", "", "pods", ""),
    ("list", "", "nodes", ""),
    ("watch", "", "persistentvolumeclaims", ""),
    ("create", "", "namespaces", ""),
    ("create", "rbac.authorization.k8s.io", "rolebindings", ""),
]
# What would make it more than it is to be.
FORBIDDEN = [
    ("create", "", "pods", ""),
    ("create", "", "pods/exec", ""),
    ("get", "", "nodes/proxy", ""),
    ("get", "", "secrets", ""),
    ("get", "", "secrets", "kube-system"),
    ("delete", "", "pods", "kube-system"),
    ("delete", "", "namespaces", ""),
    ("patch", "", "namespaces", ""),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", ""),
    ("impersonate", "", "users", ""),
]


def well(name, host):
    """Whether this server answers by its service."""
    request = urllib.request.Request(os.environ[f"CHECK_{name}"] + "/healthz")
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
            return said(answer.status == 200, f"{name.lower()} answers {answer.status}")
    except (OSError, urllib.error.URLError) as error:
        return said(False, f"{name.lower()} does not answer: {error}")


def allowed(verb, group, resource, namespace):
    """What the API server says about us; OSError when it says nothing."""
    resource, _, below = resource.partition("/")
    asked = {"verb": verb, "group": group, "resource": resource, "subresource": below}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked | {"namespace": namespace}},
    }
    request = urllib.request.Request(
        api_server() + "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        data=json.dumps(review).encode(),
        headers={
            "Authorization": "Bearer " + (ACCOUNT / "token").read_text().strip(),
            "Content-Type": "application/json",
        },
    )
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=WITHIN_S, context=trust) as answer:
        return bool(json.load(answer)["status"]["allowed"])


def api_server():
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def may(question, wanted):
    verb, group, resource, namespace = question
    where = f" in {namespace}" if namespace else ""
    what = f"{verb} {resource}{'.' + group if group else ''}{where}"
    try:
        answer = allowed(*question)
    except (OSError, urllib.error.URLError) as error:
        return said(False, f"the API server does not say whether the worker may {what}: {error}")
    return said(answer == wanted, f"the worker may{'' if answer else ' not'} {what}")


def said(good, what):
    print("ok  " if good else "FAIL", what, flush=True)
    return good


def main():
    answers = [well("PORTAL", os.environ["CHECK_PORTAL_HOST"]), well("GATEWAY", "")]
    answers += [may(question, True) for question in NEEDED]
    answers += [may(question, False) for question in FORBIDDEN]
    return 0 if all(answers) else 1


if __name__ == "__main__":
    sys.exit(main())
