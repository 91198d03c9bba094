"""The protobuf message with the metrics of one training of NASBench-101.

The message is declared by its field numbers, so that neither TensorFlow nor the package of the benchmark is needed.
Source: google-research/nasbench, `nasbench/lib/model_metrics.proto`.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "supernet.nasbench101"
_ACCURACIES = {"train_accuracy": 3, "validation_accuracy": 4, "test_accuracy": 5}


def metrics_class() -> Any:
    """Return the class of the message, with `evaluation_data` (start, half-way, end) and `trainable_parameters`.

    An evaluation has `current_epoch`, and training, validation and test accuracies as fractions.
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
    # A separate pool, because the generated module of the benchmark may be loaded in the same process.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Metrics"))
