"""What `reprise attest` signs, for the tools that others use: securesystemslib reads the envelopes, OpenSSF's model_signing verifies our
signatures of models, and we verify its. They have a venv of their own."""
import base64
import json
import shutil

from oracle import *

python = own_python("provenance", ["model-signing==1.1.1", "pyopenssl==26.4.0", "securesystemslib==1.6.0", "roc-validator==0.13.0"])
tool = os.path.join(os.path.dirname(python), "model_signing")
reprise = os.path.join(BUILD, "reprise")
project = os.path.join(WORK, "project")
os.makedirs(project)
open(os.path.join(project, "pipeline.yaml"), "w").write("""stages:
  train: {cmd: [sh, -c, "mkdir outs/m/sub -p; echo w > outs/m/w.safetensors; echo z > outs/m/sub/z; echo v > outs/v.safetensors"], outs: {m: m, v: v.safetensors}}
""")
ECHO = """import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
envelope = json.load(open(sys.argv[1]))
envelope["signatures"][0]["keyid"] = "k"  # it refuses an empty one
key = SSlibKey.from_crypto(load_pem_public_key(open(sys.argv[2], "rb").read()), keyid="k")
Envelope.from_dict(envelope).verify([key], 1)
"""


def run(*command, **options):
    return subprocess.run(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def good(*command):
    result = run(*command)
    assert result.returncode == 0, result.stdout.decode()


good(reprise, "run", "-q")
for kind in "p256", "ed25519":
    key, folder = os.path.join(WORK, kind), os.path.join(WORK, "at-" + kind)
    good(reprise, "keygen", "--kind", kind, key)
    good(reprise, "attest", "--key", key, "--attestations", folder)
    envelope = os.path.join(folder, "(none)", "train.intoto.jsonl")
    with check(f"securesystemslib verifies an envelope signed with {kind}"):
        good(python, "-c", ECHO, envelope, key + ".pub")
        other = json.load(open(envelope))
        payload = bytearray(base64.b64decode(other["payload"]))
        payload[10] ^= 1
        other["payload"] = base64.b64encode(payload).decode()
        changed = os.path.join(WORK, "changed")
        json.dump(other, open(changed, "w"))
        assert run(python, "-c", ECHO, changed, key + ".pub").returncode != 0
with check("a statement is one of SLSA provenance v1"):
    statement = json.loads(base64.b64decode(json.load(open(envelope))["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1" and statement["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, details = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert definition["buildType"] and definition["externalParameters"] and details["builder"]["id"]
    assert {subject["name"] for subject in statement["subject"]} == {"train/m/w.safetensors", "train/m/sub/z", "train/v.safetensors"}

key = os.path.join(WORK, "p256")
model = os.path.join(project, "artifacts", "train", "v.safetensors")
with check("model_signing verifies our signature of a model"):
    ours = os.path.join(WORK, "at-p256", "(none)", "train.v.sig")
    good(tool, "verify", "key", model, "--public_key", key + ".pub", "--signature", ours)
    changed = os.path.join(WORK, "v.safetensors")
    open(changed, "w").write("another")
    assert run(tool, "verify", "key", changed, "--public_key", key + ".pub", "--signature", ours).returncode != 0
for name in "m", "v.safetensors":
    with check(f"we verify model_signing's signature of {name}"):
        copy = os.path.join(WORK, "their-" + name)
        source = os.path.join(project, "artifacts", "train", name)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, copy)
        theirs = os.path.join(WORK, name + ".sig")
        good(tool, "sign", "key", copy, "--private_key", key, "--signature", theirs)
        good(reprise, "verify", "--key", key + ".pub", "--signature", theirs, copy)
        assert run(reprise, "verify", "--key", os.path.join(WORK, "ed25519.pub"), "--signature", theirs, copy).returncode == 102

# The two JSON-LD contexts from a folder, where the machine reaches no w3id.org: ro-crate.json and workflow-run.json.
LOCAL = """import email.message, os, urllib.request
def answer(url):
    for part, name in ("ro/terms/workflow-run", "workflow-run.json"), ("ro/crate/", "ro-crate.json"):
        if part in url:
            return os.path.join(os.environ["REPRISE_CONTEXTS"], name)
plain = urllib.request.OpenerDirector.open
def open_local(self, request, *rest, **more):
    url = request if isinstance(request, str) else request.full_url
    if not answer(url):
        return plain(self, request, *rest, **more)
    head = email.message.Message()
    head["Content-Type"] = "application/ld+json"
    response = urllib.request.addinfourl(open(answer(url), "rb"), head, url, 200)
    response.msg = "OK"
    return response
def request_local(self, method, url, *rest, **more):
    if not answer(url):
        return ask(self, method, url, *rest, **more)
    response = requests.Response()
    response.status_code, response.url, response._content = 200, url, open(answer(url), "rb").read()
    response.headers["Content-Type"] = "application/ld+json"
    return response
if os.environ.get("REPRISE_CONTEXTS"):
    urllib.request.OpenerDirector.open = open_local
    try:
        import requests
        ask, requests.Session.request = requests.Session.request, request_local
    except ImportError:  # pip, as it makes the venv
        pass
"""
with check("a run is a Provenance Run Crate 0.5"):
    good(reprise, "attest", "--crate")
    site = os.path.join(WORK, "site")
    os.makedirs(site)
    open(os.path.join(site, "sitecustomize.py"), "w").write(LOCAL)
    validator = os.path.join(os.path.dirname(python), "rocrate-validator")
    result = run(validator, "--no-interactive", "validate", "-p", "provenance-run-crate-0.5", "-l", "required", ".",
                 env={**os.environ, "PYTHONPATH": site})
    said = result.stdout.decode()
    if "URLError" in said or "HTTPError" in said:
        raise Missing("the JSON-LD contexts are not reached: REPRISE_CONTEXTS=FOLDER has them")
    assert result.returncode == 0 and "is a valid provenance-run-crate-0.5" in said, said[-2000:]
done()
