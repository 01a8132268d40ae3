"""docs/coming-from.md: DVC and Snakemake make of its files what Reprise makes of its own. They have a venv of their own, since they
want other versions of what the rest shares."""
import shutil

from oracle import *

LIBRARIES = ["dvc==3.67.1", "snakemake==9.27.1"]
tools = os.path.dirname(os.path.dirname(own_python("peers", LIBRARIES)))


def count(name, commands, result):
    folder = os.path.join(WORK, name)
    shutil.copytree(os.path.join(REPO, "docs", "examples", "coming-from"), folder)
    for command in commands:
        subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)
    return open(os.path.join(folder, result), "rb").read()


ours = count("reprise", [[os.path.join(BUILD, "reprise"), "run", "-q"]], "artifacts/count/count.json")
with check("DVC counts the same"):
    dvc = os.path.join(tools, "bin", "dvc")
    assert count("dvc", [[dvc, "init", "-q", "--no-scm"], [dvc, "repro", "-q"]], "count.json") == ours
with check("Snakemake counts the same"):
    assert count("snakemake", [[os.path.join(tools, "bin", "snakemake"), "-c1"]], "count.json") == ours
done()
