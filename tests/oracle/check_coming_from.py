"""docs/coming-from.md: DVC and Snakemake make of its files what Reprise makes of its own. They have a venv of their own, since they
want other versions of what the rest shares."""
import shutil
import venv

from oracle import *

LIBRARIES = ["dvc==3.67.1", "snakemake==9.27.1"]
tools = os.path.join(BUILD, "oracle", "peers")
stamp = os.path.join(tools, "installed")
if not os.path.exists(stamp) or open(stamp).read() != str(LIBRARIES):
    venv.create(tools, with_pip=True, clear=True)
    subprocess.run([os.path.join(tools, "bin", "pip"), "install", "--quiet", "--no-cache-dir", *LIBRARIES], check=True)
    open(stamp, "w").write(str(LIBRARIES))


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
