#!/usr/bin/env python3
"""The binary files of the corpora that no other library wrote. Run here; needs the standard library only."""
import gzip
import hashlib
import io
import json
import pathlib
import struct
import tarfile
import zipfile

ZEROS = bytes(32)


def put(path, data):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(data)


# ---- npy ----

def npy(header, data):
    length = 118
    text = header.encode().ljust(length - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", length) + text + data


put("npy/accepted/order.npy", npy('{"shape": (2), \'descr\':"<i4",\n"fortran_order" : False}', bytes(8)))
put("npy/refused/truncated.npy", npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", bytes(7)))
put("npy/refused/overflow.npy",
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", b""))
put("npy/refused/twice.npy", npy("{'descr': '<i4', 'descr': '<i4', 'shape': (2,), }", bytes(8)))
put("npy/refused/rank.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", b"x"))
put("npy/refused/empty.npy", b"")


# ---- safetensors ----

def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


put("safetensors/canonical/two.safetensors",
    safetensors({"__metadata__": {"format": "x"}, "a/b": tensor([2, 1], 0, 8), "c": tensor([], 8, 12)}, bytes(range(12))))
put("safetensors/canonical/none.safetensors", safetensors({}))
put("safetensors/canonical/empty_tensor.safetensors", safetensors({"a": tensor([0, 3], 0, 0), "b": tensor([1], 0, 4)}, bytes(4)))
put("safetensors/accepted/other_order.safetensors",
    safetensors({"a": tensor([1], 8, 12), "b": tensor([2], 0, 8)}, bytes(12)))
put("safetensors/refused/overlap.safetensors", safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, bytes(12)))
put("safetensors/refused/gap.safetensors", safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, bytes(12)))
put("safetensors/refused/outside.safetensors", safetensors({"a": tensor([4], 0, 16)}, bytes(12)))
put("safetensors/refused/overflow.safetensors", safetensors({"a": tensor([2 ** 62, 4], 0, 0)}))
put("safetensors/refused/negative.safetensors", safetensors({"a": tensor([-1], 0, 4)}, bytes(4)))
put("safetensors/refused/twice.safetensors", safetensors(b'{"a":{},"a":{}}'))
put("safetensors/refused/metadata.safetensors", safetensors({"__metadata__": {"n": 1}}))
put("safetensors/refused/long_header.safetensors", struct.pack("<Q", 2 ** 63) + b"{}")
put("safetensors/refused/trailing.safetensors", safetensors({}, b"x"))


# ---- CIFAR-10 archives ----

NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
META = "".join(n + "\n" for n in NAMES).encode() + b"\n"


def record(label, value):
    return bytes([label]) + bytes([value]) * 3072


def tar(members, kind=tarfile.REGTYPE, layout=tarfile.USTAR_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "x" if kind != tarfile.REGTYPE else ""
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def gz(data):
    return gzip.compress(data, mtime=0)


SET = {"d/data_batch_1.bin": record(3, 7) + record(9, 200), "d/batches.meta.txt": META, "d/test_batch.bin": record(0, 1)}
BOXES = {"boxes_1.bin": bytes([0, 0, 31, 31, 4, 5, 6, 7]), "test_boxes.bin": bytes([1, 2, 3, 4])}
put("cifar10/accepted/plain.tar", tar(SET)[:12288])
put("cifar10/accepted/boxes.tar.gz", gz(tar({**SET, **BOXES, "readme.html": b"<p>"}, layout=tarfile.PAX_FORMAT)))
put("cifar10/refused/no_meta.tar.gz", gz(tar({k: v for k, v in SET.items() if "meta" not in k})))
put("cifar10/refused/label.tar.gz", gz(tar({**SET, "d/test_batch.bin": record(10, 1)})))
put("cifar10/refused/record.tar.gz", gz(tar({**SET, "d/test_batch.bin": record(1, 1)[:-1]})))
put("cifar10/refused/twice.tar.gz", gz(tar({**SET, "e/test_batch.bin": record(1, 1)})))
put("cifar10/refused/climbs.tar.gz", gz(tar({**SET, "d/../../x": b""})))
put("cifar10/refused/absolute.tar.gz", gz(tar({"/d/x": b""})))
put("cifar10/refused/link.tar.gz", gz(tar({"d/test_batch.bin": b""}, tarfile.SYMTYPE)))
put("cifar10/refused/hard_link.tar.gz", gz(tar({"d/test_batch.bin": b""}, tarfile.LNKTYPE)))
put("cifar10/refused/boxes.tar.gz", gz(tar({**SET, **BOXES, "boxes_1.bin": bytes([0, 0, 32, 1] * 2)})))
put("cifar10/refused/some_boxes.tar.gz", gz(tar({**SET, "test_boxes.bin": bytes(4)})))
put("cifar10/refused/classes.tar.gz", gz(tar({**SET, "d/batches.meta.txt": META[9:]})))
put("cifar10/refused/control_name.tar.gz", gz(tar({"/\x1b[2J\nx": b""})))
put("cifar10/refused/truncated.tar.gz", gz(tar(SET))[:-20])
put("cifar10/refused/empty.tar", b"")


# ---- the store's memo ----

def memo(entries, pages=1, count=None, check=0, tail=b""):
    """One page that counts, and empty ones; checks of zeros become the right ones (fuzz_memo.c)."""
    body = b"".join(struct.pack("<QQqqq", *e) + bytes([i] * 32) + struct.pack("<II", 1, 0) for i, e in enumerate(entries, 1))
    page = struct.pack("<QII", check, len(entries) if count is None else count, 0) + body
    header = b"reprise-memo 2\0\0" + struct.pack("<IIQ", pages, 1, 0)
    return header + page.ljust(4096, b"\0")[:4096] + bytes(4096 * (pages - 1)) + tail


ENTRIES = [(1, 7, 100, 10 ** 18, 10 ** 18 + 1), (1, 8, 0, -5, 5), (2 ** 64 - 1, 2 ** 64 - 1, -2, -2 ** 63, 2 ** 63 - 1)]
put("memo/accepted/three.memo", memo(ENTRIES))
put("memo/accepted/twice.memo", memo(ENTRIES[:1] * 2))
put("memo/accepted/full.memo", memo([(d, 7, 1, 2, 3) for d in range(50)]))
put("memo/refused/check.memo", memo(ENTRIES, check=1))
put("memo/refused/count.memo", memo(ENTRIES, count=51))
put("memo/refused/pages.memo", memo(ENTRIES, pages=3))
put("memo/refused/no_inode.memo", memo([(1, 0, 1, 1, 1)]))
put("memo/refused/cut.memo", memo(ENTRIES)[:-1])
put("memo/refused/long.memo", memo(ENTRIES, tail=b"x"))
put("memo/refused/empty.memo", b"")


# ---- what a run with nothing to do rests on ----

NO_FILE, NOTHING = 4, 5  # kinds of lines that stand where there is nothing
VALUES = b"a" * 64


def unchanged(items=(), paths=b"", texts=None, variables=(), stages=(), lines=(), counts=None, check=0, question=b"q", values=VALUES):
    """A check of zeros becomes the right one (fuzz_unchanged.c)."""
    body = b"".join(struct.pack("<QQqqqIBBHQ", *([0] * 5), 0, kind, base, 0, path) for kind, base, path in items)
    if texts is None:
        texts = b"".join(t + b"\0" for t in (question, values, *variables, *stages, *lines))
    missed = sum(line.startswith(b"-") for line in lines)
    counts = (len(items), len(paths), len(texts), len(variables) // 2, len(stages), len(lines), missed) if counts is None else counts
    return b"reprise-same 1\0\0" + struct.pack("<8Q", check, *counts) + body + paths + texts


ABSENT = [(NOTHING, 3, 0), (NO_FILE, 3, 7), (NOTHING, 3, 9)]
PATHS = b"absent\0x\0/no/such/file\0"
STAGES, LINES = (b"a", b"b@1"), (b"+met: a: m.x is 1, required >= 1", b"-WARNING: missed: b@1: m.x is 1, required > 1")
put("unchanged/accepted/all.unchanged", unchanged(ABSENT, PATHS, variables=(b"REPRISE_FUZZ_UNSET", b""), stages=STAGES, lines=LINES))
put("unchanged/accepted/nothing.unchanged", unchanged())
put("unchanged/accepted/stages.unchanged", unchanged(stages=STAGES))
put("unchanged/refused/there.unchanged", unchanged([(NOTHING, 3, 0)], b"cache\0", stages=STAGES))
put("unchanged/refused/kind.unchanged", unchanged([(6, 3, 0)], b"absent\0"))
put("unchanged/refused/base.unchanged", unchanged([(NOTHING, 4, 0)], b"absent\0"))
put("unchanged/refused/path.unchanged", unchanged([(NOTHING, 3, 7)], b"absent\0"))
put("unchanged/refused/path_open.unchanged", unchanged([(NOTHING, 3, 0)], b"absent"))
put("unchanged/refused/no_paths.unchanged", unchanged([(NOTHING, 3, 0)]))
put("unchanged/refused/check.unchanged", unchanged(check=1))
put("unchanged/refused/question.unchanged", unchanged(question=b"Q"))
put("unchanged/refused/values.unchanged", unchanged(values=b"b" * 64))
put("unchanged/refused/values_short.unchanged", unchanged(values=b"a" * 63))
put("unchanged/refused/variable.unchanged", unchanged(variables=(b"REPRISE_FUZZ_UNSET", b"0" * 64)))
put("unchanged/refused/missed.unchanged", unchanged(stages=STAGES, lines=LINES, counts=(0, 0, len(b"\0".join((b"q", VALUES, *STAGES, *LINES, b""))), 0, 2, 2, 7)))
put("unchanged/refused/sign.unchanged", unchanged(stages=STAGES, lines=(b"met",)))
put("unchanged/refused/more_stages.unchanged", unchanged(counts=(0, 0, 67, 0, 3, 0, 0)))
put("unchanged/refused/many.unchanged", unchanged(counts=(2 ** 60, 2 ** 63, 67, 2 ** 64 - 1, 2 ** 64 - 1, 0, 0)))
put("unchanged/refused/behind.unchanged", unchanged(texts=b"q\0" + VALUES + b"\0more\0"))
put("unchanged/refused/open.unchanged", unchanged(texts=b"q\0" + VALUES))
put("unchanged/refused/cut.unchanged", unchanged(stages=STAGES)[:-1])
put("unchanged/refused/empty.unchanged", b"")


# ---- checkpoints of a training ----

STATE = [1, 0, 0.25, 0, 0, 0, 0, 0, 0.5, 0, 1, 0.5, 0, 0.25, 0]


def checkpoint(epochs, counts=(3, 2, 1), state=STATE, digest=ZEROS):
    records = struct.pack("<5d", 0.5, 0.25, float("nan"), 0.75, 0.001) * epochs
    return (b"reprise fit checkpoint 2\n" + ZEROS + struct.pack("<4q", epochs, *counts) + struct.pack("<15d", *state) +
            records + struct.pack("<11f", *range(11)) + digest)


def signed(data):
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


put("checkpoint/canonical/one_epoch.checkpoint", checkpoint(1))
put("checkpoint/canonical/no_epoch.checkpoint", signed(checkpoint(0, state=[0] * 8 + [float("inf")] + [0] * 6)))
put("checkpoint/refused/digest.checkpoint", checkpoint(1, digest=b"\1" * 32))
put("checkpoint/refused/other_counts.checkpoint", checkpoint(1, counts=(2, 3, 1)))
put("checkpoint/refused/many_epochs.checkpoint", checkpoint(1)[:57] + struct.pack("<q", 2 ** 62) + checkpoint(1)[65:])
put("checkpoint/refused/empty.checkpoint", b"")


# ---- keras_archive ----

def archive(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


METADATA = ("metadata.json", b'{"keras_version": "3.15.1"}')
CONFIG = ("config.json", b'{"config": {"layers": []}}')
WEIGHTS = ("model.weights.h5", pathlib.Path("../../golden/keras_files/brain.weights.h5").read_bytes())
put("keras_archive/refused/empty.keras", archive([]))
put("keras_archive/refused/no_weights.keras", archive([METADATA, CONFIG]))
put("keras_archive/refused/no_config.keras", archive([METADATA, WEIGHTS], zipfile.ZIP_DEFLATED))
put("keras_archive/refused/weights_twice.keras", archive([METADATA, CONFIG, WEIGHTS, WEIGHTS], zipfile.ZIP_DEFLATED))
put("keras_archive/refused/config_no_json.keras", archive([METADATA, ("config.json", b"{"), WEIGHTS], zipfile.ZIP_DEFLATED))
put("keras_archive/refused/config_twice_a_key.keras", archive([METADATA, ("config.json", b'{"config": 1, "config": 2}'), WEIGHTS], zipfile.ZIP_DEFLATED))
put("keras_archive/refused/weights_no_hdf5.keras", archive([METADATA, CONFIG, ("model.weights.h5", b"no HDF5")]))
put("keras_archive/accepted/layers_no_list.keras", archive([METADATA, ("config.json", b'{"config": {"layers": 3}}'), WEIGHTS], zipfile.ZIP_DEFLATED))
put("keras_archive/refused/bomb.keras", archive([METADATA, CONFIG, ("model.weights.h5", bytes(1 << 26))], zipfile.ZIP_DEFLATED))


# ---- pickle ----

for name in ("numpy1_protocol2", "numpy2_protocol2", "numpy2_protocol4", "numpy2_protocol5", "python2"):
    put(f"pickle/accepted/{name}.pickle", pathlib.Path(f"../../golden/pickles/{name}.pickle").read_bytes())
put("pickle/accepted/itself.pickle", b"]q\x00h\x00a.")
put("pickle/refused/system.pickle", b"cos\nsystem\n(X\x02\0\0\0lstR.")
put("pickle/refused/build.pickle", b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.")
put("pickle/refused/opcode.pickle", b"(lp0\nI1\na.")
put("pickle/refused/size.pickle", b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.")
put("pickle/refused/memo.pickle", b"Nr\xff\xff\xff\x7f.")
put("pickle/refused/odd.pickle", b"}(NNNu.")
put("pickle/refused/empty.pickle", b"")


# ---- npz ----

def small(dtype, shape, data):
    return npy("{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (dtype, shape), data)


PIXELS, TWO = small("|u1", "(2, 1, 2, 3)", bytes(range(12))), small("<i8", "(2, 1)", struct.pack("<2q", 1, 0))
KERAS = [("x_train.npy", PIXELS), ("y_train.npy", TWO), ("x_test.npy", PIXELS), ("y_test.npy", TWO)]
put("npz/accepted/keras.npz", archive(KERAS))
put("npz/accepted/deflated.npz", archive(KERAS, zipfile.ZIP_DEFLATED))
put("npz/accepted/grey.npz", archive([("images.npy", small("|u1", "(2, 1, 2)", bytes(4))), ("labels.npy", TWO)]))
put("npz/refused/channels_first.npz", archive([("x.npy", small("|u1", "(1, 3, 2, 2)", bytes(12))), ("y.npy", TWO)]))
put("npz/refused/floats.npz", archive([("x.npy", small("<f4", "(1, 1, 1, 3)", bytes(12))), ("y.npy", TWO)]))
put("npz/refused/objects.npz", archive([("x.npy", small("|O", "(1,)", b"\x80\x02N.")), ("y.npy", TWO)]))
put("npz/refused/label.npz", archive([("x.npy", PIXELS), ("y.npy", small("<i8", "(2,)", struct.pack("<2q", -1, 0)))]))
put("npz/refused/no_labels.npz", archive([("x.npy", PIXELS)]))
put("npz/refused/bomb.npz", archive([("x.npy", PIXELS + bytes(1 << 20)), ("y.npy", TWO)], zipfile.ZIP_DEFLATED))
put("npz/refused/empty.npz", b"")


# ---- cifar_files ----

def compressed(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


def record(coarse, fine):
    return bytes([coarse, fine]) + bytes(3072)


FINE = b"".join(b"fine%d\n" % i for i in range(100))
put("cifar_files/accepted/binary.tar.gz", compressed([("c/train.bin", record(19, 99)), ("c/test.bin", record(0, 1)), ("c/fine_label_names.txt", FINE)]))
put("cifar_files/refused/label.tar.gz", compressed([("c/train.bin", record(0, 100)), ("c/test.bin", record(0, 1)), ("c/fine_label_names.txt", FINE)]))
put("cifar_files/refused/names.tar.gz", compressed([("c/train.bin", record(0, 0)), ("c/test.bin", record(0, 1)), ("c/fine_label_names.txt", FINE[:-9])]))
put("cifar_files/refused/record.tar.gz", compressed([("c/train.bin", record(0, 0)[1:]), ("c/test.bin", record(0, 1)), ("c/fine_label_names.txt", FINE)]))


def python_batch(label, key=b"labels", shape=b"K\x01M\x00\x0c"):
    """A pickle as Python 2 wrote it, of one picture."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01" + shape + b"\x86cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
    array += b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00" + bytes(3072) + b"tb"
    return b"\x80\x02}(U\x04data" + array + b"U" + bytes([len(key)]) + key + b"]K" + bytes([label]) + b"au."


def python_names(key, names):
    return b"\x80\x02}U" + bytes([len(key)]) + key + b"](" + b"".join(b"U" + bytes([len(n)]) + n for n in names) + b"es."


META = ("p/batches.meta", python_names(b"label_names", [b"c%d" % i for i in range(10)]))
put("cifar_files/accepted/python10.tar.gz", compressed([("p/data_batch_1", python_batch(3)), ("p/test_batch", python_batch(9)), META]))
put("cifar_files/accepted/python100.tar.gz", compressed([("p/train", python_batch(3, b"coarse_labels")), ("p/test", python_batch(19, b"coarse_labels")),
                                                         ("p/meta", python_names(b"coarse_label_names", [b"s%d" % i for i in range(20)]))]))
put("cifar_files/refused/python_label.tar.gz", compressed([("p/data_batch_1", python_batch(10)), ("p/test_batch", python_batch(9)), META]))
put("cifar_files/refused/python_shape.tar.gz", compressed([("p/data_batch_1", python_batch(1, shape=b"K\x02M\x00\x0c")), ("p/test_batch", python_batch(9)), META]))
put("cifar_files/refused/python_runs.tar.gz", compressed([("p/data_batch_1", b"cos\nsystem\n(U\x02lstR."), ("p/test_batch", python_batch(9)), META]))


# ---- picture_table ----

put("picture_table/accepted/plain.csv", b"path,label\na.png,cat\nb.png,dog\n")
put("picture_table/accepted/quotes.csv", b'\xef\xbb\xbfLabel;File;Patient;Split\r\n"a ""b"";c";"d/x;y.png";p1;train\r\nd;"e.png";p2;test\r\n')
put("picture_table/accepted/tabs.csv", b"image\ttarget\n./a.png\t1\n\nb.png\t2")
put("picture_table/accepted/lines.jsonl", b'{"path": "a.png", "label": 3, "video": "v"}\n\n{"label": "4", "path": "b.png", "video": 7}\n')
put("picture_table/refused/climbs.csv", b"path,label\n../a.png,cat\n")
put("picture_table/refused/absolute.csv", b"path,label\n/a.png,cat\n")
put("picture_table/refused/quote.csv", b'path,label\n"a.png,cat\n')
put("picture_table/refused/fields.csv", b"path,label\na.png\n")
put("picture_table/refused/no_label.csv", b"path,label\na.png,\n")
put("picture_table/refused/split.csv", b"path,label,split\na.png,cat,tset\n")
put("picture_table/refused/utf16.csv", "path,label\na.png,cat\n".encode("utf-16"))
put("picture_table/refused/latin1.csv", b"path,label\na.png,caf\xe9\n")
put("picture_table/refused/no_rows.csv", b"path,label\n")
put("picture_table/refused/empty.csv", b"")
put("picture_table/refused/text.jsonl", b'{"path": "a.png", "label": [1]}\n')
put("picture_table/refused/cut.jsonl", b'{"path": "a.png", "label": 1\n')


# ---- picture_archive ----

PICTURES = [pathlib.Path("../../golden/pictures/" + name).read_bytes() for name in ("bits_1.png", "grey.jpg")]
TABLE = b"path,label\np/1.png,cat\n./p/2.jpg,dog\np/1.png,cat\np/3.png,dog\n"
LINES = b'{"image": "p/1.png", "class": 1, "set": "train"}\n{"image": "p/2.jpg", "class": 2, "set": "test"}\n'


def tar(members):
    return gzip.decompress(compressed(members))


put("picture_archive/accepted/folders.zip", archive([("cat/1.png", PICTURES[0]), ("dog/2.jpg", PICTURES[1]), ("__MACOSX/x", b"")], zipfile.ZIP_DEFLATED))
put("picture_archive/accepted/parts.tar", tar([("./train/cat/1.png", PICTURES[0]), ("./test/dog/2.jpg", PICTURES[1]), ("notes.csv", b"a,b\n")]))
put("picture_archive/accepted/table.tar", tar([("top/p/1.png", PICTURES[0]), ("top/labels.csv", TABLE), ("top/p/2.jpg", PICTURES[1])]))
put("picture_archive/accepted/lines.zip", archive([("labels.jsonl", LINES), ("p/1.png", PICTURES[0]), ("p/2.jpg", PICTURES[1])]))
put("picture_archive/refused/none.tar", tar([("1.png", PICTURES[0])]))
put("picture_archive/refused/twice.tar", tar([("cat/1.png", PICTURES[0]), ("dog/1.png", PICTURES[0]), ("cat/1.png", PICTURES[0])]))
put("picture_archive/refused/two_tables.zip", archive([("a.csv", TABLE), ("b.jsonl", LINES), ("p/1.png", PICTURES[0])]))
put("picture_archive/refused/climbs.tar", tar([("a.csv", b"path,label\np/../../x.png,cat\n"), ("p/1.png", PICTURES[0])]))
put("picture_archive/refused/empty.zip", b"")
