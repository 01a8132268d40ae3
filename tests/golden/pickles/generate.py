#!/usr/bin/env python3
"""Pickles as NumPy writes them, of a dict as CIFAR's files have it: an array of 2 pictures of 3 bytes and lists.

Run here; needs NumPy. numpy1_* have the module names of NumPy 1."""
import pathlib
import pickle

import numpy

value = {b"data": numpy.arange(250, 256, dtype=numpy.uint8).reshape(2, 3), b"labels": [7, 300], b"label_names": [b"caf\xc3\xa9", b"b"], "text": "é",
         b"numbers": [0, -1, 65536, -(2 ** 40), True, None], b"tuple": (1, (2, 3))}
for protocol in (2, 3, 4, 5):
    data = pickle.dumps(value, protocol)
    pathlib.Path(f"numpy2_protocol{protocol}.pickle").write_bytes(data)
old = pickle.dumps(value, 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
pathlib.Path("numpy1_protocol2.pickle").write_bytes(old)
# Python 2 wrote texts of bytes as strings, with their own opcodes: 'U' and 'T' in place of a call of _codecs.encode.
two = b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x06\x00\x00\x00\xfa\xfb\xfc\xfd\xfe\xfftb"
two += b"U\x06labelsq\x08]q\x09(K\x07M\x2c\x01eu."
pathlib.Path("python2.pickle").write_bytes(two)
print(pickle.loads(two, encoding="bytes"))
