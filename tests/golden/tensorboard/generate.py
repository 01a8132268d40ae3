"""Writes events.bin: what tensorboard's own writer makes of three scalars and of hyperparameters, at the times that data/event_file.h
fixes. TensorBoard 2.21.0."""
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import metadata, plugin_data_pb2, summary_v2 as hparams
from tensorboard.plugins.scalar import metadata as scalars
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.record_writer import RecordWriter

FIRST = 946684800
SET = {"augment": True, "model.architecture": "resnet8", "phase1.learning_rate": 1e-3, "seed": 7, "train.norm": "café", "z": False}


def scalar(tag, value):
    summary = scalar_pb(tag, value)
    summary.value[0].metadata.data_class = summary_pb2.DATA_CLASS_SCALAR  # as tf.summary.scalar has it
    assert summary.value[0].metadata.plugin_data.plugin_name == scalars.PLUGIN_NAME
    return summary


def session():
    """hparams_pb without the name that it makes of the values."""
    data = plugin_data_pb2.HParamsPluginData()
    start = hparams.hparams_pb(SET, start_time_secs=FIRST)
    data.CopyFrom(plugin_data_pb2.HParamsPluginData.FromString(start.value[0].metadata.plugin_data.content))
    data.session_start_info.ClearField("group_name")
    start.value[0].metadata.plugin_data.content = data.SerializeToString(deterministic=True)
    end = summary_pb2.Summary()
    info = plugin_data_pb2.SessionEndInfo(status=1, end_time_secs=FIRST)
    end.value.add(tag=metadata.SESSION_END_INFO_TAG, tensor=metadata.NULL_TENSOR,
                  metadata=metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info)))
    return [start, end]


with open("events.bin", "wb") as f:
    writer = RecordWriter(f)
    writer.write(event_pb2.Event(wall_time=FIRST, file_version="brain.Event:2").SerializeToString())
    for step, summary in [(0, s) for s in session()] + [(1, scalar("epoch_loss", 0.7515625)), (2, scalar("epoch_loss", float("inf"))),
                                                        (300, scalar("epoch_accuracy", 0.1))]:
        writer.write(event_pb2.Event(wall_time=FIRST + step, step=step, summary=summary).SerializeToString(deterministic=True))
