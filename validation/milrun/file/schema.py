"""The part of Core ML's protobuf format that an ML Program needs, in a descriptor pool of its own.

Written down here so that reading a package needs neither coremltools nor the seconds its import takes. Unknown fields
(other model kinds, training settings) are skipped, as protobuf does. Field numbers: Apple's public Model.proto,
FeatureTypes.proto and MIL.proto; a test compares them with coremltools' own descriptors.
"""

from __future__ import annotations

from functools import cache
from typing import Any

PACKAGE = "milrun"
ROOT = "Model"

# One message a line: "Name: field=number:type ...". A trailing * repeats, {} is a map from string, lower-case names
# are protobuf scalars, and a field after "|" belongs to the oneof named before it.
_MESSAGES = """
Model: specificationVersion=1:int32 description=2:ModelDescription mlProgram=502:Program
ModelDescription: input=1:FeatureDescription* output=10:FeatureDescription* predictedFeatureName=11:string \
predictedProbabilitiesName=12:string state=13:FeatureDescription* functions=20:FunctionDescription* \
defaultFunctionName=21:string metadata=100:Metadata
FunctionDescription: name=1:string input=2:FeatureDescription* output=3:FeatureDescription* \
predictedFeatureName=4:string predictedProbabilitiesName=5:string state=6:FeatureDescription*
Metadata: shortDescription=1:string versionString=2:string author=3:string license=4:string userDefined=100:string{}
FeatureDescription: name=1:string shortDescription=2:string type=3:FeatureType
Empty:
FeatureType: kind|int64Type=1:Empty kind|doubleType=2:Empty kind|stringType=3:Empty kind|imageType=4:ImageFeatureType \
kind|multiArrayType=5:ArrayFeatureType kind|dictionaryType=6:Empty kind|sequenceType=7:Empty \
kind|stateType=8:StateFeatureType isOptional=1000:bool
StateFeatureType: kind|arrayType=1:ArrayFeatureType
SizeRange: lowerBound=1:uint64 upperBound=2:int64
ImageSize: width=1:uint64 height=2:uint64
EnumeratedImageSizes: sizes=1:ImageSize*
ImageSizeRange: widthRange=1:SizeRange heightRange=2:SizeRange
ImageFeatureType: width=1:int64 height=2:int64 colorSpace=3:int32 flexibility|enumeratedSizes=21:EnumeratedImageSizes \
flexibility|imageSizeRange=31:ImageSizeRange
Shape: shape=1:int64*
EnumeratedShapes: shapes=1:Shape*
ShapeRange: sizeRanges=1:SizeRange*
ArrayFeatureType: shape=1:int64* dataType=2:int32 flexibility|enumeratedShapes=21:EnumeratedShapes \
flexibility|shapeRange=31:ShapeRange default|intDefaultValue=41:int32 default|floatDefaultValue=51:float \
default|doubleDefaultValue=61:double
Program: version=1:int64 functions=2:Function{} docString=3:string attributes=4:Value{}
Function: inputs=1:NamedValueType* opset=2:string block_specializations=3:Block{} attributes=4:Value{}
Block: inputs=1:NamedValueType* outputs=2:string* operations=3:Operation* attributes=4:Value{}
Binding: binding|name=1:string binding|value=2:Value
Argument: arguments=1:Binding*
Operation: type=1:string inputs=2:Argument{} outputs=3:NamedValueType* blocks=4:Block* attributes=5:Value{}
NamedValueType: name=1:string type=2:ValueType
ValueType: type|tensorType=1:TensorType type|listType=2:ListType type|tupleType=3:TupleType \
type|dictionaryType=4:DictionaryType type|stateType=5:StateType
TensorType: dataType=1:int32 rank=2:int64 dimensions=3:Dimension* attributes=4:Value{}
TupleType: types=1:ValueType*
ListType: type=1:ValueType length=2:Dimension
DictionaryType: keyType=1:ValueType valueType=2:ValueType
StateType: wrappedType=1:ValueType
Dimension: dimension|constant=1:ConstantDimension dimension|unknown=2:UnknownDimension
ConstantDimension: size=1:uint64
UnknownDimension: variadic=1:bool
Value: docString=1:string type=2:ValueType value|immediateValue=3:ImmediateValue value|blobFileValue=5:BlobFileValue
ImmediateValue: value|tensor=1:TensorValue value|tuple=2:TupleValue value|list=3:ListValue \
value|dictionary=4:DictionaryValue
BlobFileValue: fileName=1:string offset=2:uint64
TensorValue: value|floats=1:RepeatedFloats value|ints=2:RepeatedInts value|bools=3:RepeatedBools \
value|strings=4:RepeatedStrings value|longInts=5:RepeatedLongInts value|doubles=6:RepeatedDoubles \
value|bytes=7:RepeatedBytes
RepeatedFloats: values=1:float*
RepeatedDoubles: values=1:double*
RepeatedInts: values=1:int32*
RepeatedLongInts: values=1:int64*
RepeatedBools: values=1:bool*
RepeatedStrings: values=1:string*
RepeatedBytes: values=1:bytes
TupleValue: values=1:Value*
ListValue: values=1:Value*
KeyValuePair: key=1:Value value=2:Value
DictionaryValue: values=1:KeyValuePair*
"""

_SCALARS = {
    "double": 1,
    "float": 2,
    "int64": 3,
    "uint64": 4,
    "int32": 5,
    "bool": 8,
    "string": 9,
    "bytes": 12,
    "uint32": 13,
}
_MESSAGE_TYPE = 11
_OPTIONAL, _REPEATED = 1, 3


@cache
def model_class() -> Any:
    """Build the protobuf message class of a whole model file."""
    from google.protobuf import (  # type: ignore[import-untyped, unused-ignore]
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    file = descriptor_pb2.FileDescriptorProto(name="milrun.proto", package=PACKAGE, syntax="proto3")
    for line in _MESSAGES.replace("\\\n", "").strip().splitlines():
        name, _, fields = line.partition(":")
        _add_message(file.message_type.add(name=name), fields.split())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{ROOT}"))


def _add_message(message: Any, fields: list[str]) -> None:
    oneofs: list[str] = []
    for spec in fields:
        oneof, _, declaration = spec.rpartition("|")
        name, _, rest = declaration.partition("=")
        number, _, kind = rest.partition(":")
        if kind.endswith("{}"):
            kind = _add_map_entry(message, name, kind[:-2]) + "*"
        field = message.field.add(name=name, number=int(number))
        field.label = _REPEATED if kind.endswith("*") else _OPTIONAL
        _set_type(field, kind.removesuffix("*"))
        if oneof:
            if oneof not in oneofs:
                oneofs.append(oneof)
                message.oneof_decl.add(name=oneof)
            field.oneof_index = oneofs.index(oneof)


def _add_map_entry(message: Any, field_name: str, value_kind: str) -> str:
    """Add a map as protobuf writes it.

    A repeated nested message with the fields key and value, marked as a map entry.
    """
    entry_name = "".join(_words(field_name)) + "Entry"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    _set_type(entry.field.add(name="key", number=1, label=_OPTIONAL), "string")
    _set_type(entry.field.add(name="value", number=2, label=_OPTIONAL), value_kind)
    return f"{message.name}.{entry_name}"


def _words(name: str) -> list[str]:
    """Parts of a field name as protobuf capitalizes them: it keeps inner capitals, so only underscores split."""
    return [part[:1].upper() + part[1:] for part in name.split("_")]


def _set_type(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _MESSAGE_TYPE
        field.type_name = f".{PACKAGE}.{kind}"
