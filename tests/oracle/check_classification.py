"""classification_report.txt of the stage evaluate is scikit-learn's, byte for byte, on 5,000 random cases."""
import os
import random
import subprocess
import sys

from oracle import BUILD, REPO, check, done

sys.path.insert(0, os.path.join(REPO, "tests/golden/report_cases"))
from cases import as_input, case, report  # noqa: E402

CASES = 5000
program = os.path.join(BUILD, "tests/oracle/report_text")
subprocess.run(["make", "-s", "-C", REPO, "BUILD=" + BUILD, program], check=True)
rng = random.Random(1)
cases = [case(rng) for _ in range(CASES)]
ours = subprocess.run([program], input="".join(as_input(*c) for c in cases), capture_output=True, text=True, encoding="utf-8", check=True)
texts = ours.stdout.split("\f\n")

with check("each report is scikit-learn's"):
    assert len(texts) == CASES + 1 and texts[-1] == "", f"{len(texts) - 1} reports of {CASES}"
    wrong = [i for i, c in enumerate(cases) if texts[i] != report(*c)]
    if wrong:
        print("# case %d:\n%s%s" % (wrong[0], texts[wrong[0]], report(*cases[wrong[0]])))
    assert not wrong, f"{len(wrong)} of {CASES} differ"
done()
