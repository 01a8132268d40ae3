import json
import reprise

stage = reprise.Stage()
lines = open(stage.deps["text"]).read().splitlines()
count = 0
for number, line in enumerate(lines, 1):
    count += sum(len(word) >= stage.params["least"] for word in line.split())
    stage.progress("counting", number, len(lines), "line")
json.dump({"words": count}, open(stage.outs["words"], "w"))
