"""The few messages of KServe v2's gRPC protocol that the codec reads and writes.

Field numbers are facts of the public protocol (kserve/open-inference-protocol, Triton's extensions). They
live in a descriptor pool of their own, so that a client library with the same package name can be imported
beside them. Fields not named here survive parsing and re-encoding as unknown fields.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_T = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _T.TYPE_BOOL,
    "int32": _T.TYPE_INT32,
    "int64": _T.TYPE_INT64,
    "uint32": _T.TYPE_UINT32,
    "uint64": _T.TYPE_UINT64,
    "float": _T.TYPE_FLOAT,
    "double": _T.TYPE_DOUBLE,
    "string": _T.TYPE_STRING,
    "bytes": _T.TYPE_BYTES,
}
# Message -> fields: name, number, type, and "repeated" where it is. A map is a repeated message of key and
# value on the wire, and read as such it keeps its order when re-encoded.
_TENSOR = [
    ("name", 1, "string"),
    ("datatype", 2, "string"),
    ("shape", 3, "int64", "repeated"),
    ("parameters", 4, "Parameters", "repeated"),
    ("contents", 5, "Contents"),
]
_SCHEMA: dict[str, list[tuple[Any, ...]]] = {
    "Parameter": [
        ("bool_param", 1, "bool"),
        ("int64_param", 2, "int64"),
        ("string_param", 3, "string"),
        ("double_param", 4, "double"),
        ("uint64_param", 5, "uint64"),
    ],
    "Parameters": [("key", 1, "string"), ("value", 2, "Parameter")],
    "Contents": [
        ("bool_contents", 1, "bool", "repeated"),
        ("int_contents", 2, "int32", "repeated"),
        ("int64_contents", 3, "int64", "repeated"),
        ("uint_contents", 4, "uint32", "repeated"),
        ("uint64_contents", 5, "uint64", "repeated"),
        ("fp32_contents", 6, "float", "repeated"),
        ("fp64_contents", 7, "double", "repeated"),
        ("bytes_contents", 8, "bytes", "repeated"),
    ],
    "Tensor": _TENSOR,
    "Wanted": [("name", 1, "string"), ("parameters", 2, "Parameters", "repeated")],
    "InferRequest": [
        ("model_name", 1, "string"),
        ("model_version", 2, "string"),
        ("id", 3, "string"),
        ("parameters", 4, "Parameters", "repeated"),
        ("inputs", 5, "Tensor", "repeated"),
        ("outputs", 6, "Wanted", "repeated"),
        ("raw_input_contents", 7, "bytes", "repeated"),
    ],
    "InferResponse": [
        ("model_name", 1, "string"),
        ("model_version", 2, "string"),
        ("id", 3, "string"),
        ("parameters", 4, "Parameters", "repeated"),
        ("outputs", 5, "Tensor", "repeated"),
        ("raw_output_contents", 6, "bytes", "repeated"),
    ],
    "StreamResponse": [("error_message", 1, "string"), ("infer_response", 2, "InferResponse")],
    "ConfigRequest": [("name", 1, "string"), ("version", 2, "string")],
    "ConfigResponse": [("config", 1, "Config")],
    "Config": [
        ("name", 1, "string"),
        ("platform", 2, "string"),
        ("max_batch_size", 4, "int32"),
        ("parameters", 14, "ConfigParameters", "repeated"),
        ("backend", 17, "string"),
        ("model_transaction_policy", 19, "Policy"),
    ],
    "ConfigParameters": [("key", 1, "string"), ("value", 2, "ConfigParameter")],
    "ConfigParameter": [("string_value", 1, "string")],
    "Policy": [("decoupled", 1, "bool")],
    "ServerRequest": [],
    "ServerResponse": [("name", 1, "string"), ("version", 2, "string")],
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="understudy/codec/kserve.proto", package="inference", syntax="proto3"
    )
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        if name == "Parameter":
            message.oneof_decl.add(name="parameter_choice")
        for field_name, number, kind, *repeated in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = _T.LABEL_REPEATED if repeated else _T.LABEL_OPTIONAL
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type, field.type_name = _T.TYPE_MESSAGE, f".inference.{kind}"
            if name == "Parameter":
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}"))
        for name in _SCHEMA
    }


_CLASSES = _classes()
InferRequest: Any = _CLASSES["InferRequest"]
InferResponse: Any = _CLASSES["InferResponse"]
StreamResponse: Any = _CLASSES["StreamResponse"]
ConfigRequest: Any = _CLASSES["ConfigRequest"]
ConfigResponse: Any = _CLASSES["ConfigResponse"]
ServerRequest: Any = _CLASSES["ServerRequest"]
ServerResponse: Any = _CLASSES["ServerResponse"]
