/* Wrong pipeline files, and exactly what is said of each. */
#include "plan/plan_read.h"

#include "tap.h"

#include <string.h>

#define PROJECT "tests/runner/project"

struct bad_file {
    const char *name; /* of the test */
    const char *profile, *set;
    const char *text;
    const char *message;
};

/* clang-format off */
static struct bad_file files[] = {
    {"plan_refuses_an_empty_file", NULL, NULL,
     "",
     "pipeline.yaml:1:1: expected a map with 'stages', not null"},
    {"plan_refuses_a_list_at_the_top", NULL, NULL,
     "- a\n",
     "pipeline.yaml:1:1: expected a map with 'stages', not a list"},
    {"plan_refuses_an_unknown_key_at_the_top", NULL, NULL,
     "stage: {}\n",
     "pipeline.yaml:1:1: unknown key 'stage', did you mean 'stages'?"},
    {"plan_refuses_an_unknown_key_of_cuda", NULL, NULL,
     "stages:\n"
     "  a: {cmd: \"true\", outs: {o: o.txt}}\n"
     "cuda: {cudn: x}\n",
     "pipeline.yaml:3:8: 'cuda': unknown key 'cudn', did you mean 'cudnn'?"},
    {"plan_refuses_a_folder_without_cudnn", NULL, NULL,
     "stages:\n"
     "  a: {cmd: \"true\", outs: {o: o.txt}}\n"
     "cuda: {cudnn: /nowhere}\n",
     "pipeline.yaml:3:15: 'cuda.cudnn': there is no libcudnn.so.9 in '/nowhere'"},
    {"plan_refuses_an_unquoted_expression_in_braces", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, deps: {d: ${x}}}\n",
     "pipeline.yaml:2:26: YAML: did not find expected ',' or '}' while parsing a flow mapping; inside { } and [ ], write \"${...}\" with quotes"},
    {"plan_refuses_a_tab_as_indent", NULL, NULL,
     "stages:\n"
     "\ta: 1\n",
     "pipeline.yaml:2:1: YAML: found character that cannot start any token while scanning for the next token; a tab stands there, and YAML indents with blanks"},
    {"plan_says_that_a_colon_wants_quotes", NULL, NULL,
     "stages:\n"
     "  a:\n"
     "    cmd: echo a: b\n",
     "pipeline.yaml:3:16: YAML: mapping values are not allowed in this context; a text that holds ': ' is written in quotes"},
    {"plan_says_that_a_colon_wants_quotes_beside_an_expression", NULL, NULL,
     "stages:\n"
     "  a:\n"
     "    cmd: sh -c 'echo \"a: ${b}\"'\n",
     "pipeline.yaml:3:24: YAML: mapping values are not allowed in this context; a text that holds ': ' is written in quotes"},
    {"plan_says_that_a_sign_wants_quotes_beside_an_expression", NULL, NULL,
     "stages:\n"
     "  a:\n"
     "    cmd: @x ${b}\n",
     "pipeline.yaml:3:10: YAML: found character that cannot start any token while scanning for the next token; a text that begins with such a sign is written in quotes"},
    {"plan_says_that_a_sign_wants_quotes", NULL, NULL,
     "stages:\n"
     "  a: {cmd: @x}\n",
     "pipeline.yaml:2:12: YAML: found character that cannot start any token while scanning for the next token; a text that begins with such a sign is written in quotes"},
    {"plan_says_that_a_file_is_utf_8", NULL, NULL,
     "# caf\xe9\n",
     "pipeline.yaml:1:6: YAML: incomplete UTF-8 octet sequence; save the file as UTF-8"},
    {"plan_knows_the_words_of_other_tools", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, wdir: sub}\n",
     "pipeline.yaml:2:15: stage 'a': unknown key 'wdir': a stage runs in a folder of its own, and names files from the project's folder"},
    {"plan_knows_where_threads_stand", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, threads: 2}\n",
     "pipeline.yaml:2:15: stage 'a': unknown key 'threads': it stands under 'resources'"},
    {"plan_says_how_the_environment_is_named", NULL, NULL,
     "stages:\n"
     "  a: {cmd: \"x ${PATH}\"}\n",
     "pipeline.yaml:2:15: unknown variable 'PATH': one of the environment is named under 'env', and the program reads it"},
    {"plan_says_that_a_name_is_too_long", NULL, NULL,
     "stages: {xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: {cmd: x}}\n",
     "pipeline.yaml:1:10: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' cannot be a stage's name: 100 bytes at most"},
    {"plan_says_that_a_part_of_a_path_is_too_long", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy}}}\n",
     "pipeline.yaml:1:32: stage 'a': the out 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...' is longer than the 255 bytes that a name may have"},
    {"plan_says_how_a_list_is_set", NULL, "rates[0]=0.3",
     "vars: {rates: [0.1, 0.2]}\n"
     "stages: {a: {cmd: x}}\n",
     "--set: a list is set as a whole, as in name=[1, 2], not 'rates[0]=0.3'"},
    {"plan_says_what_fetches_a_url", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: 'https://h/x.csv'}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': there is no file 'https://h/x.csv': what a server has, a stage with 'network: true' fetches"},
    {"plan_says_that_no_shell_expands_a_dep", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: ~/x.csv}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': there is no file '~/x.csv': no shell expands it, write the path out"},
    {"plan_says_how_folders_are_parted", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: 'more\\x.csv'}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': there is no file 'more\\x.csv': folders are parted by '/'"},
    {"plan_refuses_an_out_that_is_a_url", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: 's3://b/x'}}}\n",
     "pipeline.yaml:1:32: stage 'a': the out 's3://b/x' is no path inside the project: no shell expands it, and nothing is sent to a server"},
    {"plan_refuses_a_stage_there_twice", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x}\n"
     "  a: {cmd: y}\n",
     "pipeline.yaml:3:3: duplicate key 'a', first on line 2"},
    {"plan_refuses_a_tag", NULL, NULL,
     "stages: !!map {a: {cmd: x}}\n",
     "pipeline.yaml:1:9: tags such as '!!map' are not used here; quote what is text"},
    {"plan_refuses_an_alias_without_anchor", NULL, NULL,
     "stages: {a: {cmd: *x}}\n",
     "pipeline.yaml:1:19: the alias '*x' has no anchor '&x' before it"},
    {"plan_refuses_an_alias_inside_its_anchor", NULL, NULL,
     "vars: &v {a: *v}\n",
     "pipeline.yaml:1:14: the alias '*v' stands inside its own anchor"},
    {"plan_refuses_infinity", NULL, NULL,
     "vars: {a: .inf}\n",
     "pipeline.yaml:1:11: '.inf' is not a finite number; quote it if it is text"},
    {"plan_refuses_a_number_past_64_bits", NULL, NULL,
     "vars: {a: 99999999999999999999}\n",
     "pipeline.yaml:1:11: '99999999999999999999' does not fit in 64 bits; quote it if it is text"},
    {"plan_refuses_an_unknown_key_of_a_stage", NULL, NULL,
     "stages:\n"
     "  phase1:\n"
     "    cmd: x\n"
     "    parms: {}\n",
     "pipeline.yaml:4:5: stage 'phase1': unknown key 'parms', did you mean 'params'?"},
    {"plan_refuses_variables_in_a_circle", NULL, NULL,
     "vars: {a: \"${b}\", b: \"${c.d}\", c: {d: \"${a}\"}}\n",
     "pipeline.yaml:1:40: the variable 'a' refers to itself: a -> b -> c.d -> a"},
    {"plan_refuses_variables_in_a_circle_through_a_map", NULL, NULL,
     "vars: {z: \"${m.p}\", m: {p: \"${q}\"}, q: \"${m}\"}\n",
     "pipeline.yaml:1:41: the variable 'm' refers to itself: m.p -> q -> m"},
    {"plan_refuses_an_unknown_variable_in_a_command", NULL, NULL,
     "vars: {train: {epochs: 3}}\n"
     "stages:\n"
     "  a:\n"
     "    cmd: prog --epochs ${trian.epochs}\n",
     "pipeline.yaml:4:24: unknown variable 'trian.epochs', did you mean 'train.epochs'?"},
    {"plan_refuses_a_variable_without_its_map", NULL, NULL,
     "vars: {train: {epochs: 3}}\n"
     "stages: {a: {cmd: x, params: {e: \"é ${epochs}\"}}}\n",
     "pipeline.yaml:2:37: unknown variable 'epochs', did you mean 'train.epochs'?"},
    {"plan_refuses_null_inside_a_text", NULL, NULL,
     "vars: {n: null}\n"
     "stages: {a: {cmd: \"prog ${n}x\"}}\n",
     "pipeline.yaml:2:25: 'n' is null and cannot stand inside a text"},
    {"plan_refuses_a_map_inside_a_text", NULL, NULL,
     "vars: {n: {}}\n"
     "stages: {a: {cmd: \"prog x${n}\"}}\n",
     "pipeline.yaml:2:26: 'n' is a map and cannot stand inside a text"},
    {"plan_refuses_an_expression_without_end", NULL, NULL,
     "stages: {a: {cmd: \"prog ${n\"}}\n",
     "pipeline.yaml:1:19: '${' without '}'; '\\${' stands for the characters"},
    {"plan_refuses_an_expression_that_is_no_name", NULL, NULL,
     "stages: {a: {cmd: \"prog ${n n}\"}}\n",
     "pipeline.yaml:1:25: '${n n}' does not name a variable: ${a.b}"},
    {"plan_refuses_yes_as_a_bool", NULL, NULL,
     "stages: {a: {cmd: x, frozen: yes}}\n",
     "pipeline.yaml:1:30: stage 'a': 'frozen' must be true or false, not the text 'yes'"},
    {"plan_refuses_a_network_that_it_does_not_know", NULL, NULL,
     "stages: {a: {cmd: x, network: lo}}\n",
     "pipeline.yaml:1:31: stage 'a': 'network' must be true, false or loopback, not the text 'lo'"},
    {"plan_refuses_a_stage_without_cmd", NULL, NULL,
     "stages: {a: {desc: x}}\n",
     "pipeline.yaml:1:10: stage 'a': 'cmd' is missing"},
    {"plan_refuses_a_pipe", NULL, NULL,
     "stages: {a: {cmd: \"a | b\"}}\n",
     "pipeline.yaml:1:19: '|' means something only to a shell, and none is run: quote it, or cmd: [sh, -c, '...']"},
    {"plan_refuses_a_quote_without_end", NULL, NULL,
     "stages: {a: {cmd: \"a 'b\"}}\n",
     "pipeline.yaml:1:19: the command ends inside '...'"},
    {"plan_refuses_a_dep_that_is_nowhere", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: data.cvs}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': 'data.cvs' is neither a stage's out nor a file, did you mean 'data.csv'?"},
    {"plan_refuses_a_dep_on_an_unknown_stage", NULL, NULL,
     "stages:\n"
     "  split: {cmd: x, outs: {splits: s}}\n"
     "  a: {cmd: x, deps: {d: splti.splits}}\n",
     "pipeline.yaml:3:25: stage 'a': dep 'd': 'splti.splits' is neither a stage's out nor a file, did you mean 'split.splits'?"},
    {"plan_refuses_a_dep_on_an_unknown_out", NULL, NULL,
     "stages:\n"
     "  split: {cmd: x, outs: {splits: s}}\n"
     "  a: {cmd: x, deps: {d: split.split}}\n",
     "pipeline.yaml:3:25: stage 'a': dep 'd': stage 'split' has no out 'split', did you mean 'splits'? (a file would be './split.split')"},
    {"plan_refuses_a_dep_on_a_stage", NULL, NULL,
     "stages:\n"
     "  split: {cmd: x, outs: {splits: s}}\n"
     "  a: {cmd: x, deps: {d: split}}\n",
     "pipeline.yaml:3:25: stage 'a': dep 'd': 'split' is a stage; name one of its outs: 'split.out'"},
    {"plan_refuses_a_dep_on_an_out_that_is_null", NULL, NULL,
     "stages:\n"
     "  split: {cmd: x, outs: {splits: null}}\n"
     "  a: {cmd: x, deps: {d: split.splits}}\n",
     "pipeline.yaml:3:25: stage 'a': dep 'd': stage 'split' has no out 'splits' here: its path is null"},
    {"plan_refuses_a_dep_on_a_stage_that_is_left_out", NULL, NULL,
     "stages:\n"
     "  split: {when: false, cmd: x, outs: {splits: s}}\n"
     "  a: {cmd: x, deps: {d: split.splits}}\n",
     "pipeline.yaml:3:25: stage 'a': dep 'd': stage 'split' is left out here (its 'when' is false)"},
    {"plan_refuses_stages_in_a_circle", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, deps: {d: c.o}, outs: {o: o}}\n"
     "  b: {cmd: x, deps: {d: a.o}, outs: {o: o}}\n"
     "  c: {cmd: x, deps: {d: b.o}, outs: {o: o}}\n",
     "pipeline.yaml:2:25: stage 'a': stages depend on one another in a circle: a -> c -> b -> a"},
    {"plan_refuses_a_stage_that_needs_itself", NULL, NULL,
     "stages:\n"
     "  z: {cmd: x}\n"
     "  a: {cmd: x, deps: {d: a.o}, outs: {o: o}}\n",
     "pipeline.yaml:3:25: stage 'a': stages depend on one another in a circle: a -> a"},
    {"plan_refuses_an_out_outside_its_folder", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: ../o}}}\n",
     "pipeline.yaml:1:32: stage 'a': the out '../o' leaves its folder with '..'"},
    {"plan_refuses_an_out_with_an_absolute_path", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: /o}}}\n",
     "pipeline.yaml:1:32: stage 'a': the out '/o' is absolute"},
    {"plan_refuses_outs_inside_each_other", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: d, p: ./d/x}}}\n",
     "pipeline.yaml:1:38: stage 'a': the outs 'o' and 'p' overlap: 'd', 'd/x'"},
    {"plan_refuses_metrics_of_an_unknown_out", NULL, NULL,
     "stages: {a: {cmd: x, outs: {metrics: m.json}, metrics: [metric]}}\n",
     "pipeline.yaml:1:57: stage 'a': no out is called 'metric', did you mean 'metrics'?"},
    {"plan_refuses_a_requirement_without_relation", NULL, NULL,
     "stages: {a: {cmd: x, outs: {m: m.json}, metrics: [m], require: {m.acc: 0.65}}}\n",
     "pipeline.yaml:1:72: stage 'a': a requirement is a relation (<, <=, ==, >=, >) and a number as in \">= 0.65\", not the number 0.65"},
    {"plan_refuses_a_requirement_with_a_wrong_relation", NULL, NULL,
     "stages: {a: {cmd: x, outs: {m: m.json}, metrics: [m], require: {m.acc: \"=> 0.65\"}}}\n",
     "pipeline.yaml:1:72: stage 'a': a requirement is a relation (<, <=, ==, >=, >) and a number as in \">= 0.65\", not the text '=> 0.65'"},
    {"plan_refuses_a_requirement_without_member", NULL, NULL,
     "stages: {a: {cmd: x, outs: {m: m.json}, metrics: [m], require: {m: \">= 0.65\"}}}\n",
     "pipeline.yaml:1:65: stage 'a': a requirement is on out.member, not 'm'"},
    {"plan_refuses_a_requirement_on_an_out_that_is_no_metric", NULL, NULL,
     "stages: {a: {cmd: x, outs: {m: m.json}, require: {m.a: \">= 0.65\"}}}\n",
     "pipeline.yaml:1:51: stage 'a': 'm' has a requirement but is not listed under 'metrics'"},
    {"plan_refuses_no_threads", NULL, NULL,
     "stages: {a: {cmd: x, resources: {threads: 0}}}\n",
     "pipeline.yaml:1:43: stage 'a': 'threads' must be a number from 1 up or 'all', not the number 0"},
    {"plan_refuses_memory_in_GB", NULL, NULL,
     "stages: {a: {cmd: x, resources: {memory: 4GB}}}\n",
     "pipeline.yaml:1:42: stage 'a': 'memory' must be bytes or a number with K, M, G or T as in 4G, not the text '4GB'"},
    {"plan_refuses_disk_in_GB", NULL, NULL,
     "stages: {a: {cmd: x, resources: {disk: 4GB}}}\n",
     "pipeline.yaml:1:40: stage 'a': 'disk' must be bytes or a number with K, M, G or T as in 4G, not the text '4GB'"},
    {"plan_refuses_no_processes", NULL, NULL,
     "stages: {a: {cmd: x, resources: {processes: 0}}}\n",
     "pipeline.yaml:1:45: stage 'a': 'processes' must be a number from 1 up, not the number 0"},
    {"plan_refuses_time_in_x", NULL, NULL,
     "stages: {a: {cmd: x, resources: {time: 30x}}}\n",
     "pipeline.yaml:1:40: stage 'a': 'time' must be seconds or a number with s, m, h or d as in 30m, not the text '30x'"},
    {"plan_refuses_an_unknown_resource", NULL, NULL,
     "stages: {a: {cmd: x, resources: {thread: 3}}}\n",
     "pipeline.yaml:1:34: stage 'a': unknown key 'thread' of 'resources', did you mean 'threads'?"},
    {"plan_refuses_two_outs_published_to_one_place", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, outs: {o: {path: r/x, publish: reports}}}\n"
     "  b: {cmd: x, outs: {o: {path: x, publish: ./reports/}}}\n",
     "pipeline.yaml:3:22: stage 'b': the out 'o' publishes 'reports/x', which 'a.o' does already"},
    {"plan_refuses_publishing_into_the_cache", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, outs: {o: {path: r/x, publish: cache/a}}}\n",
     "pipeline.yaml:2:22: stage 'a': the out 'o' cannot be published into 'cache', which is the runner's"},
    {"plan_refuses_publishing_over_a_dep", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, outs: {o: {path: r/x, publish: data.csv}}}\n"
     "  b: {cmd: x, deps: {d: data.csv}}\n",
     "pipeline.yaml:2:22: stage 'a': the out 'o' publishes into 'data.csv', where stage 'b' has the dep 'd'"},
    {"plan_refuses_an_unknown_default_profile", NULL, NULL,
     "profile: smaple\n"
     "profiles: {sample: {}}\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:1:10: unknown profile 'smaple', did you mean 'sample'?"},
    {"plan_refuses_a_profile_with_an_unknown_variable", NULL, NULL,
     "vars: {dataset: {url: 1}}\n"
     "profiles: {sample: {dataset: {ulr: 2}}}\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:2:31: profile 'sample': unknown variable 'dataset.ulr', did you mean 'dataset.url'?"},
    {"plan_refuses_a_profile_with_a_number_for_a_map", NULL, NULL,
     "vars: {dataset: {url: 1}}\n"
     "profiles: {sample: {dataset: 3}}\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:2:30: profile 'sample': 'dataset' is a map in vars and cannot become the number 3"},
    {"plan_refuses_set_of_an_unknown_variable", NULL, "seeed=3",
     "vars: {seed: 1}\n"
     "stages: {a: {cmd: x}}\n",
     "--set: unknown variable 'seeed', did you mean 'seed'?"},
    {"plan_refuses_set_without_a_value", NULL, "seed",
     "vars: {seed: 1}\n"
     "stages: {a: {cmd: x}}\n",
     "--set: expected name=value, not 'seed'"},
    {"plan_refuses_set_with_broken_YAML", NULL, "seed=[1",
     "vars: {seed: 1}\n"
     "stages: {a: {cmd: x}}\n",
     "--set seed: YAML: did not find expected ',' or ']' while parsing a flow sequence"},
    {"plan_refuses_set_of_a_map_to_a_number", NULL, "d=3",
     "vars: {d: {seed: 1}}\n"
     "stages: {a: {cmd: x}}\n",
     "--set d: 'd' is a map in vars and cannot become the number 3"},
    {"plan_refuses_a_value_of_the_wrong_type_from_set", NULL, "f=maybe",
     "vars: {f: true}\n"
     "stages: {a: {cmd: x, frozen: \"${f}\"}}\n",
     "pipeline.yaml:2:30: stage 'a': 'frozen' must be true or false, not the text 'maybe'"},
    {"plan_refuses_a_list_as_a_word", NULL, NULL,
     "stages: {a: {foreach: {uk: {x: 3}, us: {x: [a b, c]}}, do: {cmd: \"x ${item.x}\"}}}\n",
     "pipeline.yaml:1:66: stage 'a@us': a word of 'cmd' must be text, not a list"},
    {"plan_refuses_an_unknown_dimension", NULL, NULL,
     "stages: {a: {matrix: {lr: [0.1, 0.2]}, cmd: \"x ${item.rl}\"}}\n",
     "pipeline.yaml:1:48: 'item' has no 'rl', did you mean 'lr'?"},
    {"plan_refuses_item_outside_foreach", NULL, NULL,
     "stages: {a: {cmd: \"x ${item.rl}\"}}\n",
     "pipeline.yaml:1:22: 'item.rl' has a value only inside foreach and matrix"},
    {"plan_refuses_do_without_foreach", NULL, NULL,
     "stages: {a: {do: {cmd: x}}}\n",
     "pipeline.yaml:1:14: stage 'a': 'do' needs 'foreach'"},
    {"plan_refuses_cmd_beside_foreach", NULL, NULL,
     "stages: {a: {foreach: [1], cmd: x, do: {cmd: x}}}\n",
     "pipeline.yaml:1:28: stage 'a': 'cmd' belongs under 'do'"},
    {"plan_refuses_an_item_with_a_slash", NULL, NULL,
     "stages: {a: {foreach: [a/b], do: {cmd: x}}}\n",
     "pipeline.yaml:1:24: stage 'a': 'a/b' cannot be part of a stage's name (letters, digits, '_', '-', '.'); a map gives names: {name: value}"},
    {"plan_refuses_an_item_there_twice", NULL, NULL,
     "stages: {a: {foreach: [a, a], do: {cmd: x}}}\n",
     "pipeline.yaml:1:27: stage 'a': 'a@a' is there twice"},
    {"plan_refuses_a_blank_in_a_stage_name", NULL, NULL,
     "stages: {a b: {cmd: x}}\n",
     "pipeline.yaml:1:10: 'a b' cannot be a stage's name: letters, digits, '_' and '-'"},
    {"plan_refuses_a_second_document", NULL, NULL,
     "stages: {a: {cmd: x}}\n"
     "---\n"
     "x: 1\n",
     "pipeline.yaml:2:1: a second document begins here; one is enough"},
    {"plan_refuses_an_expression_as_a_key", NULL, NULL,
     "stages: {a: {cmd: x, params: {\"${a}\": 1}}}\n",
     "pipeline.yaml:1:32: a key is not expanded"},
    {"plan_refuses_a_dep_called_lineage", NULL, NULL,
     "stages: {a: {cmd: x, lineage: true, deps: {lineage: data.csv}}}\n",
     "pipeline.yaml:1:53: stage 'a': with 'lineage: true' the dep 'lineage' is the runner's"},
    {"plan_refuses_env_with_a_wrong_name", NULL, NULL,
     "stages: {a: {cmd: x, env: [HOME, 3x]}}\n",
     "pipeline.yaml:1:34: stage 'a': 'env' must be a list of names of variables, not the text '3x'"},
    {"plan_refuses_deps_as_a_list", NULL, NULL,
     "stages: {a: {cmd: x, deps: [data.csv]}}\n",
     "pipeline.yaml:1:28: stage 'a': 'deps' must be a map of names to files or stage.out, as {data: data.csv}, not a list"},
    {"plan_refuses_a_dep_in_artifacts", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: artifacts/a/b}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': 'artifacts/a/b' is the runner's to write; an out is named 'stage.out'"},
    {"plan_refuses_a_variable_called_item", NULL, NULL,
     "vars: {item: 3}\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:1:8: a variable may not be called 'item': foreach and matrix give it a value"},
    {"plan_refuses_stages_a_list", NULL, NULL,
     "stages: [a]\n",
     "pipeline.yaml:1:9: 'stages' must be a map, not a list"},
    {"plan_refuses_no_stages", NULL, NULL,
     "vars: {a: 1}\n",
     "pipeline.yaml:1:1: no stages: {name: {cmd: ...}} under 'stages'"},
    {"plan_refuses_stage_not_a_map", NULL, NULL,
     "stages: {a: prog}\n",
     "pipeline.yaml:1:13: stage 'a': expected a map with 'cmd', not the text 'prog'"},
    {"plan_refuses_vars_not_a_map", NULL, NULL,
     "vars: 3\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:1:7: 'vars' must be a map, not the number 3"},
    {"plan_refuses_profile_a_list", NULL, NULL,
     "profile: [a]\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:1:10: 'profile' must be the name of a profile, not a list"},
    {"plan_refuses_profile_unknown_by_option", "smaple", NULL,
     "profiles: {sample: {}}\n"
     "stages: {a: {cmd: x}}\n",
     "unknown profile 'smaple' in 'pipeline.yaml', did you mean 'sample'?"},
    {"plan_refuses_profile_not_a_map", NULL, NULL,
     "profiles: {sample: 3}\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:1:20: profile 'sample': expected a map of variables, not the number 3"},
    {"plan_refuses_cmd_a_map", NULL, NULL,
     "stages: {a: {cmd: {x: 1}}}\n",
     "pipeline.yaml:1:19: stage 'a': 'cmd' must be text or a list of words, not a map"},
    {"plan_refuses_cmd_empty", NULL, NULL,
     "stages: {a: {cmd: \"  \"}}\n",
     "pipeline.yaml:1:19: stage 'a': 'cmd' is empty"},
    {"plan_refuses_cmd_with_null_word", NULL, NULL,
     "vars: {n: null}\n"
     "stages: {a: {cmd: \"prog ${n}\"}}\n",
     "pipeline.yaml:2:19: stage 'a': a word of 'cmd' must be text, not null"},
    {"plan_refuses_cmd_ends_with_backslash", NULL, NULL,
     "stages: {a: {cmd: 'prog \\'}}\n",
     "pipeline.yaml:1:19: the command ends with a backslash"},
    {"plan_refuses_cmd_redirect", NULL, NULL,
     "stages: {a: {cmd: \"prog >out.txt\"}}\n",
     "pipeline.yaml:1:19: '>' means something only to a shell, and none is run: quote it, or cmd: [sh, -c, '...']"},
    {"plan_refuses_cmd_with_shell_variable", NULL, NULL,
     "stages: {a: {cmd: \"prog $HOME\"}}\n",
     "pipeline.yaml:1:19: '$' means something only to a shell, and none is run: quote it, or cmd: [sh, -c, '...']"},
    {"plan_refuses_params_a_list", NULL, NULL,
     "stages: {a: {cmd: x, params: [lr]}}\n",
     "pipeline.yaml:1:30: stage 'a': 'params' must be a map, as {lr: \"${lr}\"}, not a list"},
    {"plan_refuses_outs_a_list", NULL, NULL,
     "stages: {a: {cmd: x, outs: [o]}}\n",
     "pipeline.yaml:1:28: stage 'a': 'outs' must be a map of names to files, as {model: model.bin}, not a list"},
    {"plan_refuses_out_name_with_dot", NULL, NULL,
     "stages: {a: {cmd: x, outs: {a.b: c}}}\n",
     "pipeline.yaml:1:29: stage 'a': 'a.b' cannot be the name of an out: letters, digits, '_' and '-'"},
    {"plan_refuses_out_of_wrong_type", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: [c]}}}\n",
     "pipeline.yaml:1:32: stage 'a': the out must be a path, not a list"},
    {"plan_refuses_out_the_folder_itself", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: ./}}}\n",
     "pipeline.yaml:1:32: stage 'a': the out './' is the folder itself"},
    {"plan_refuses_out_with_unknown_key", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: {path: x, publsh: y}}}}\n",
     "pipeline.yaml:1:42: stage 'a': unknown key 'publsh' of an out, did you mean 'publish'?"},
    {"plan_refuses_out_without_path", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: {publish: y}}}}\n",
     "pipeline.yaml:1:32: stage 'a': an out needs 'path'"},
    {"plan_refuses_publish_outside", NULL, NULL,
     "stages: {a: {cmd: x, outs: {o: {path: x, publish: ../y}}}}\n",
     "pipeline.yaml:1:51: stage 'a': 'publish' '../y' leaves its folder with '..'"},
    {"plan_refuses_dep_a_number", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: 3}}}\n",
     "pipeline.yaml:1:32: stage 'a': a dep must be a file or stage.out, not the number 3"},
    {"plan_refuses_dep_outside", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: ../data.csv}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': there is no file '../data.csv'"},
    {"plan_refuses_dep_no_file_in_folder", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: sub/missing.txt}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': there is no file 'sub/missing.txt'"},
    {"plan_refuses_metrics_not_a_list", NULL, NULL,
     "stages: {a: {cmd: x, outs: {m: m.json}, metrics: m}}\n",
     "pipeline.yaml:1:50: stage 'a': 'metrics' must be a list of names of outs, not the text 'm'"},
    {"plan_refuses_plots_unknown", NULL, NULL,
     "stages: {a: {cmd: x, outs: {plot: m.json}, plots: [plto]}}\n",
     "pipeline.yaml:1:52: stage 'a': no out is called 'plto', did you mean 'plot'?"},
    {"plan_refuses_require_not_a_map", NULL, NULL,
     "stages: {a: {cmd: x, require: \">= 3\"}}\n",
     "pipeline.yaml:1:31: stage 'a': 'require' must be a map of out.member to a bound, not the text '>= 3'"},
    {"plan_refuses_require_without_number", NULL, NULL,
     "stages: {a: {cmd: x, outs: {m: m.json}, metrics: [m], require: {m.a: \">= high\"}}}\n",
     "pipeline.yaml:1:70: stage 'a': a requirement is a relation (<, <=, ==, >=, >) and a number as in \">= 0.65\", not the text '>= high'"},
    {"plan_refuses_env_twice", NULL, NULL,
     "stages: {a: {cmd: x, env: [HOME, HOME]}}\n",
     "pipeline.yaml:1:34: stage 'a': 'env' has 'HOME' twice"},
    {"plan_refuses_gpu_negative", NULL, NULL,
     "stages: {a: {cmd: x, resources: {gpu: -1}}}\n",
     "pipeline.yaml:1:39: stage 'a': 'gpu' must be a number from 0 up, not the number -1"},
    {"plan_refuses_resources_a_list", NULL, NULL,
     "stages: {a: {cmd: x, resources: [gpu]}}\n",
     "pipeline.yaml:1:33: stage 'a': 'resources' must be a map, not a list"},
    {"plan_refuses_when_not_bool", NULL, NULL,
     "stages: {a: {cmd: x, when: maybe}}\n",
     "pipeline.yaml:1:28: stage 'a': 'when' must be true or false, or a number from 0 up, not the text 'maybe'"},
    {"plan_refuses_when_negative", NULL, NULL,
     "stages: {a: {cmd: x, when: -1}}\n",
     "pipeline.yaml:1:28: stage 'a': 'when' must be true or false, or a number from 0 up, not the number -1"},
    {"plan_refuses_choices_of_none", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: []}}}\n",
     "pipeline.yaml:1:32: stage 'a': dep 'd': the list names nothing"},
    {"plan_refuses_choice_not_text", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: [b.o, 3]}}, b: {cmd: x, outs: {o: o}}}\n",
     "pipeline.yaml:1:38: stage 'a': a dep must be a file or stage.out, or a list of these, of which the first that is there is taken, not the number 3"},
    {"plan_refuses_choices_all_left_out", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, deps: {d: [b.o, c.o]}}\n"
     "  b: {when: 0, cmd: x, outs: {o: o}}\n"
     "  c: {when: false, cmd: x, outs: {o: o}}\n",
     "pipeline.yaml:2:31: stage 'a': dep 'd': stage 'c' is left out here (its 'when' is false)"},
    {"plan_refuses_choice_without_such_an_out_also_where_it_is_left_out", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, deps: {d: [b.modle, c.o]}}\n"
     "  b: {when: 0, cmd: x, outs: {model: o}}\n"
     "  c: {cmd: x, outs: {o: o}}\n",
     "pipeline.yaml:2:26: stage 'a': dep 'd': stage 'b' has no out 'modle', did you mean 'model'?"},
    {"plan_refuses_choice_without_such_an_out_also_where_it_is_not_taken", NULL, NULL,
     "stages:\n"
     "  a: {cmd: x, deps: {d: [b.o, c.p]}}\n"
     "  b: {cmd: x, outs: {o: o}}\n"
     "  c: {cmd: x, outs: {o: o}}\n",
     "pipeline.yaml:2:31: stage 'a': dep 'd': stage 'c' has no out 'p'"},
    {"plan_refuses_choice_that_is_no_out_before_the_last", NULL, NULL,
     "stages: {a: {cmd: x, deps: {d: [phase.o, pipeline.yaml]}}}\n",
     "pipeline.yaml:1:33: stage 'a': dep 'd': 'phase.o' is no stage's out, which all but the last of several must be"},
    {"plan_refuses_foreach_a_scalar", NULL, NULL,
     "stages: {a: {foreach: 3, do: {cmd: x}}}\n",
     "pipeline.yaml:1:23: stage 'a': 'foreach' takes a list or a map, not the number 3"},
    {"plan_refuses_foreach_without_do", NULL, NULL,
     "stages: {a: {foreach: [3]}}\n",
     "pipeline.yaml:1:10: stage 'a': 'foreach' needs 'do'"},
    {"plan_refuses_matrix_a_list", NULL, NULL,
     "stages: {a: {matrix: [3], cmd: x}}\n",
     "pipeline.yaml:1:22: stage 'a': 'matrix' takes a map of lists, not a list"},
    {"plan_refuses_matrix_of_scalars", NULL, NULL,
     "stages: {a: {matrix: {lr: 3}, cmd: x}}\n",
     "pipeline.yaml:1:27: stage 'a': 'matrix.lr' must be a list, not the number 3"},
    {"plan_refuses_merge_of_a_scalar", NULL, NULL,
     "vars: {a: {<<: 3}}\n",
     "pipeline.yaml:1:12: '<<' takes a map or a list of maps"},
    {"plan_refuses_map_as_key", NULL, NULL,
     "vars: {{a: 1}: 2}\n",
     "pipeline.yaml:1:8: a key must be text"},
    {"plan_refuses_empty_key", NULL, NULL,
     "vars: {\"\": 2}\n",
     "pipeline.yaml:1:8: a key may not be empty"},
    {"plan_refuses_var_used_as_text_is_a_list", NULL, NULL,
     "vars: {l: [1]}\n"
     "stages: {a: {cmd: x, outs: {o: \"o-${l}\"}}}\n",
     "pipeline.yaml:2:35: 'l' is a list and cannot stand inside a text"},
    {"plan_refuses_unknown_member_of_a_list", NULL, NULL,
     "vars: {l: [1]}\n"
     "stages: {a: {cmd: x, params: {o: \"${l.1}\"}}}\n",
     "pipeline.yaml:2:35: unknown variable 'l.1'"},
    {"plan_refuses_self_reference", NULL, NULL,
     "vars: {a: {b: \"${a}\"}}\n"
     "stages: {a: {cmd: x}}\n",
     "pipeline.yaml:1:16: the variable 'a' refers to itself: a -> a"},
    {"plan_refuses_set_into_a_list", NULL, "l.0=3",
     "vars: {l: [1]}\n"
     "stages: {a: {cmd: x}}\n",
     "--set: 'l' is a list in vars and cannot become a map"},
    {"plan_refuses_set_without_a_name", NULL, "=3",
     "vars: {l: [1]}\n"
     "stages: {a: {cmd: x}}\n",
     "--set: expected name=value, not '=3'"},
    {"plan_refuses_set_duplicate_keys", NULL, "l={a: 1, a: 2}",
     "vars: {l: {a: 1}}\n"
     "stages: {a: {cmd: x}}\n",
     "--set l: duplicate key 'a'"},
    {"plan_refuses_a_NUL", NULL, NULL,
     "stages: {a: {cmd: \"a\\0b\"}}\n",
     "pipeline.yaml:1:19: a text may not hold the character NUL"},
};
/* clang-format on */

static void plan_refuses(void **state)
{
    const struct bad_file *file = *state;
    struct error err = {0};
    struct plan *plan = NULL;
    assert_int_equal(plan_parse("pipeline.yaml", PROJECT, file->text, strlen(file->text),
                                file->profile, &file->set, file->set != NULL, &plan, &err),
                     -1);
    assert_null(plan);
    assert_string_equal(err.message, file->message);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(error_exit_status(&err), 2);
}

int main(void)
{
    enum { COUNT = sizeof(files) / sizeof(*files) };
    struct CMUnitTest tests[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){
            .name = files[i].name, .test_func = plan_refuses, .initial_state = &files[i]};
    return cmocka_run_group_tests_name("plan_refuses", tests, NULL, NULL);
}
