#!/bin/sh
# The device that a key names is the one that a stage is told to take, and a copy knows what it is a copy of.
. tests/runner/project.sh
project=$here/device
mkdir -p "$project/stages"
cat > "$project/stages/s.sh" << SH
#!/bin/sh
# REPRISE_STAGE --fingerprint
[ "\$1" = --fingerprint ] && { echo "uses $here/card"; echo "device \$(cat "$here/card")"; exit; }
sed -n 's/.*"device": "\\([a-z]*\\)".*/\\1/p' "\$REPRISE_STAGE" > outs/device.txt
echo "\$REPRISE_PROGRAM" > outs/program.txt
SH
chmod +x "$project/stages/s.sh"
echo 'stages: {s: {cmd: stages/s.sh, outs: {device: device.txt, program: program.txt}}}' > "$project/pipeline.yaml"
told() { cat "$project/artifacts/s/device.txt"; }

echo cpu > "$here/card"
r run && [ "$(told)" = auto ]
ok $? "a_stage_whose_key_names_the_cpu_may_say_why"
[ "$(cat "$project/artifacts/s/program.txt")" = "$project/stages/s.sh" ]
ok $? "a_copy_knows_where_its_original_lies"
echo cuda > "$here/card"
r run && [ "$(told)" = cuda ]
ok $? "a_stage_whose_key_names_a_card_must_take_it"
finish
