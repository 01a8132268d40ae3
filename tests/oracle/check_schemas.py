"""docs/schemas and the validator of tests/schemas: jsonschema takes the schemas for such of draft 2020-12, takes the documents that
tests/schemas/test_documents.sh makes, and of each document with a fault in it says what our validator says."""
import copy
import glob
import random

import jsonschema
import referencing
import yaml

from oracle import *

SCHEMAS = os.path.join(REPO, "docs", "schemas")
VALIDATE = os.path.join(BUILD, "tests", "schemas", "validate")
FAULTS = 150  # of each document, drawn from all that there are


def read(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file) if path.endswith(".yaml") else json.load(file)


def retrieve(name):
    return referencing.Resource.from_contents(read(os.path.join(SCHEMAS, name)))


def validator(name):
    return jsonschema.Draft202012Validator(read(os.path.join(SCHEMAS, name + ".json")), registry=referencing.Registry(retrieve=retrieve))


def places(value, path=()):
    """All that there is in a document."""
    yield path
    for key, member in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(member, path + (key,))


def faults(document):
    """The document with one member less, one more, or one value of another kind."""
    for path in places(document):
        made = []
        for other in (None, True, -1, 0.5, 7.0, "?", "inf", [], {}, [None, None, None]) if path else ():
            made.append(lambda holder, key, other=other: holder.__setitem__(key, other))
        if path:
            made.append(lambda holder, key: holder.pop(key))
            made.append(lambda holder, key: isinstance(holder[key], dict) and holder[key].update(unknown=0))
            made.append(lambda holder, key: isinstance(holder[key], list) and holder[key].append(holder[key][0] if holder[key] else 0))
        for change in made:
            yield path, change


def with_fault(document, path, change):
    made = copy.deepcopy(document)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return made


def ours(name, documents):
    """Which of them our validator refuses."""
    folder = os.path.join(WORK, "faults")
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, f"{i}.json") for i in range(len(documents))]
    for path, document in zip(paths, documents):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
    said = subprocess.run([VALIDATE, os.path.join(SCHEMAS, name + ".json"), *paths], stdout=subprocess.PIPE, text=True)
    assert said.returncode in (0, 1), said.stdout
    refused = {line.split(": ")[0] for line in said.stdout.splitlines()}
    return [path in refused for path in paths]


subprocess.run(["make", "-s", "BUILD=" + BUILD, VALIDATE], cwd=REPO, check=True, stdout=sys.stderr)
names = sorted(os.path.basename(path)[:-5] for path in glob.glob(SCHEMAS + "/*.json"))
for name in names:
    with check(f"{name}.json is a schema"):
        jsonschema.Draft202012Validator.check_schema(read(os.path.join(SCHEMAS, name + ".json")))

made = os.path.join(WORK, "documents")
os.makedirs(made)
with check("the documents are made, and our validator takes them"):
    subprocess.run([os.path.join(REPO, "tests", "schemas", "test_documents.sh")], cwd=REPO, check=True, stdout=sys.stderr,
                   env={**os.environ, "BUILD": BUILD, "DOCUMENTS": made})
random.seed(1)
for name in names:
    documents = [read(path) for path in sorted(glob.glob(f"{made}/{name}.*.*"))]
    by_jsonschema = validator(name)
    with check(f"jsonschema takes what keeps to {name}.json"):
        assert documents, "there is none"
        for document in documents:
            by_jsonschema.validate(document)
    with check(f"both say the same of faults in what keeps to {name}.json"):
        planted = []
        for document in documents[:12]:
            there = list(faults(document))
            planted += [with_fault(document, *fault) for fault in random.sample(there, min(FAULTS, len(there)))]
        theirs = [not by_jsonschema.is_valid(document) for document in planted]
        assert any(theirs), "no fault was refused"
        for document, our, their in zip(planted, ours(name, planted), theirs):
            assert our == their, f"ours: {our}, jsonschema: {their}: {json.dumps(document)[:2000]}"
done()
