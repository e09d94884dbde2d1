# Debian 12 packages. Required ones fail the configuration with the package's name; an optional
# one that is missing costs its feature only (`kith version --features` shows it).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(HDF5 IMPORTED_TARGET hdf5)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
# Debian's libstemmer has no .pc file.
find_path(STEMMER_INCLUDE libstemmer.h REQUIRED)
find_library(STEMMER_LIBRARY stemmer REQUIRED)
find_path(GEOS_INCLUDE geos_c.h)
find_library(GEOS_LIBRARY geos_c)

# What libkith links; every target that holds its rooms takes this one.
add_library(kith_needs INTERFACE)
target_include_directories(kith_needs INTERFACE ${STEMMER_INCLUDE})
target_link_libraries(kith_needs INTERFACE PkgConfig::XXHASH PkgConfig::UTF8PROC ${STEMMER_LIBRARY}
  Threads::Threads m)
if(GEOS_INCLUDE AND GEOS_LIBRARY)
  target_include_directories(kith_needs INTERFACE ${GEOS_INCLUDE})
  target_link_libraries(kith_needs INTERFACE ${GEOS_LIBRARY})
  target_compile_definitions(kith_needs INTERFACE KITH_HAVE_GEOS=1)
  set(KITH_PC_GEOS " -lgeos_c")
endif()

# What the servers need beyond the library.
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
find_program(PROTOC_C protoc-c REQUIRED)
add_library(kith_server_needs INTERFACE)
target_link_libraries(kith_server_needs INTERFACE PkgConfig::UV PkgConfig::NGHTTP2
  PkgConfig::OPENSSL PkgConfig::YAML PkgConfig::ZLIB PkgConfig::PROTOBUF_C)
