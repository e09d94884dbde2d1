# Peer benchmarks (KITH_PEERS=ON): the same data and sweep through other libraries, and in one
# process with Kith, interleaved. Nothing here is installed or tested.
if(KITH_PEERS)
  enable_language(CXX)
  find_path(HNSWLIB_INCLUDE_DIR hnswlib/hnswlib.h)
  if(NOT HNSWLIB_INCLUDE_DIR)
    message(FATAL_ERROR "KITH_PEERS needs hnswlib (install libhnswlib-dev)")
  endif()
  foreach(name ab_hnswlib hnswlib_ann)
    add_executable(${name} bench/peers/${name}.cc bench/peers/kith_side.c)
    set_source_files_properties(bench/peers/${name}.cc PROPERTIES COMPILE_OPTIONS
      "-std=c++17;-O3;-march=native;-w")
    target_include_directories(${name} PRIVATE ${HNSWLIB_INCLUDE_DIR})
    target_link_libraries(${name} PRIVATE kith_all)
  endforeach()
endif()
