# Writes a C file with all message descriptors that the protobuf-c HEADERS declare.
# cmake -DOUT=file.c -DSYMBOL=name -DROOT=include-dir -DHEADERS="a.pb-c.h;b.pb-c.h" -P registry.cmake
set(includes "")
set(entries "")
foreach(header ${HEADERS})
  file(RELATIVE_PATH relative ${ROOT} ${header})
  string(APPEND includes "#include \"${relative}\"\n")
  file(STRINGS ${header} lines REGEX "^extern const ProtobufCMessageDescriptor [a-z0-9_]+;")
  foreach(line ${lines})
    string(REGEX REPLACE ".* ([a-z0-9_]+)$" "\\1" name ${line})
    string(APPEND entries "    &${name},\n")
  endforeach()
endforeach()
file(WRITE ${OUT}
  "${includes}\nextern const ProtobufCMessageDescriptor *const ${SYMBOL}[];\n"
  "const ProtobufCMessageDescriptor *const ${SYMBOL}[] = {\n${entries}    0};\n")
