"""The protobuf message in which NASBench-101 keeps the metrics of one training.

The message is declared from its field numbers, so that neither TensorFlow nor the benchmark's package is needed.
Source: google-research/nasbench, `nasbench/lib/model_metrics.proto`.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "supernet.nasbench101"
_ACCURACIES = {"train_accuracy": 3, "validation_accuracy": 4, "test_accuracy": 5}


def metrics_class() -> Any:
    """The class of the message: `evaluation_data` (start, half-way, end) and `trainable_parameters`.

    An evaluation has `current_epoch` and the accuracies (fractions) of train, validation and test.
    """
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="supernet/nasbench101.proto", package=_PACKAGE, syntax="proto2")
    evaluation = file.message_type.add(name="Evaluation")
    for name, number in {"current_epoch": 1, **_ACCURACIES}.items():
        evaluation.field.add(name=name, number=number, type=field.TYPE_DOUBLE, label=field.LABEL_OPTIONAL)
    metrics = file.message_type.add(name="Metrics")
    metrics.field.add(
        name="evaluation_data",
        number=1,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=f".{_PACKAGE}.Evaluation",
    )
    metrics.field.add(name="trainable_parameters", number=2, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    # A pool of its own: the benchmark's generated module may be loaded in the same process.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Metrics"))
