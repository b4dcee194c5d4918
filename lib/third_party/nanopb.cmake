# nanopb's decoder and encoder: adds its sources to ICN_LIB_SOURCES and sets ICN_NANOPB_INCLUDE. README.md says why it is renamed.
set(ICN_NANOPB_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/nanopb)
set(nanopb_sources lib/third_party/nanopb/pb_common.c lib/third_party/nanopb/pb_decode.c lib/third_party/nanopb/pb_encode.c)
list(APPEND ICN_LIB_SOURCES ${nanopb_sources})
set_source_files_properties(${nanopb_sources} PROPERTIES COMPILE_OPTIONS -w)

set(nanopb_names)
foreach(name
    pb_close_string_substream pb_decode pb_decode_bool pb_decode_ex pb_decode_fixed32 pb_decode_fixed64 pb_decode_svarint pb_decode_tag
    pb_decode_varint pb_decode_varint32 pb_default_field_callback pb_encode pb_encode_ex pb_encode_fixed32 pb_encode_fixed64 pb_encode_string
    pb_encode_submessage pb_encode_svarint pb_encode_tag pb_encode_tag_for_field pb_encode_varint pb_field_iter_begin pb_field_iter_begin_const
    pb_field_iter_begin_extension pb_field_iter_begin_extension_const pb_field_iter_find pb_field_iter_find_extension pb_field_iter_next
    pb_get_encoded_size pb_istream_from_buffer pb_make_string_substream pb_ostream_from_buffer pb_read pb_release pb_skip_field pb_write)
  list(APPEND nanopb_names ${name}=icn_${name})
endforeach()
set(nanopb_users lib/onnx_wire.c lib/onnx_tensor.c lib/onnx_node.c lib/onnx_parse.c lib/onnx_write.c)
set_source_files_properties(${nanopb_sources} ${nanopb_users} PROPERTIES COMPILE_DEFINITIONS "${nanopb_names}")
