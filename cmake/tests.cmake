# Every tests/<room>/test_*.c is one cmocka program and one ctest entry named <room>.<name>.
# fuzz/fuzz_*.c are libFuzzer targets; without clang they replay their corpus as plain tests.
enable_testing()
# Against hangs only: a sanitizer on a machine that is busy with other things is slow.
set(patience 600)
if(KITH_SANITIZE)
  set(patience 1200)
endif()
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
set(KITH_TESTS "" CACHE STRING "only tests of these names are built, a regular expression")
file(GLOB test_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*/test_*.c)
if(CMOCKA_FOUND)
  foreach(file ${test_files})
    get_filename_component(name ${file} NAME_WE)
    get_filename_component(dir ${file} DIRECTORY)
    get_filename_component(room ${dir} NAME)
    string(REPLACE "test_" "" short ${name})
    if(KITH_TESTS AND NOT "${room}.${short}" MATCHES "${KITH_TESTS}")
      continue()
    endif()
    set(target test_${room}_${short})
    add_executable(${target} ${file})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    # Rooms of the library are tested over the library alone, so a door under repair stops no test
    # of what lies below it.
    if(room IN_LIST KITH_LIBRARY_ROOMS OR room MATCHES "^(house|faults|stress)$")
      target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src)
      target_link_libraries(${target} PRIVATE kith_static kith_needs PkgConfig::CMOCKA)
    else()
      target_link_libraries(${target} PRIVATE kith_all PkgConfig::CMOCKA)
    endif()
    target_compile_options(${target} PRIVATE -Wno-missing-prototypes)
    add_test(NAME ${room}.${short} COMMAND ${target})
    set_tests_properties(${room}.${short} PROPERTIES TIMEOUT ${patience}
      ENVIRONMENT "KITH_SOURCE_DIR=${CMAKE_SOURCE_DIR};KITH_BINARY_DIR=${CMAKE_BINARY_DIR}")
  endforeach()
  # Floods: what they measure, and what others wait for, would be each other.
  if(TEST net.hostile)
    set_tests_properties(net.hostile PROPERTIES RUN_SERIAL ON)
  endif()
else()
  message(WARNING "cmocka not found: no unit tests (install libcmocka-dev)")
endif()

file(GLOB fuzz_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/fuzz/fuzz_*.c)
foreach(file ${fuzz_files})
  get_filename_component(name ${file} NAME_WE)
  string(REPLACE "fuzz_" "" short ${name})
  if(KITH_TESTS AND NOT "fuzz.${short}" MATCHES "${KITH_TESTS}")
    continue()
  endif()
  add_executable(${name} ${file})
  target_link_libraries(${name} PRIVATE kith_all)
  target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
  if(KITH_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/fuzz/replay_main.c)
    add_test(NAME fuzz.${short} COMMAND ${name} ${CMAKE_SOURCE_DIR}/fuzz/corpus/${short})
  endif()
endforeach()

# What a user does: install, then build and run the example with pkg-config.
if(TARGET kith AND TARGET kith_shared AND NOT KITH_SANITIZE)
  add_test(NAME install.example
    COMMAND ${CMAKE_SOURCE_DIR}/scripts/test-install.sh ${CMAKE_BINARY_DIR})
  set_tests_properties(install.example PROPERTIES TIMEOUT ${patience})
endif()

# The kernels of another machine, under an emulator; shown as skipped where there is none.
if(NOT KITH_SANITIZE)
  add_test(NAME kernel.neon COMMAND ${CMAKE_SOURCE_DIR}/scripts/test-neon.sh)
  set_tests_properties(kernel.neon PROPERTIES TIMEOUT ${patience} SKIP_RETURN_CODE 77 LABELS cross)
endif()

# Filters against an evaluator in another language; skipped without python3.
add_executable(matrix_runner ${CMAKE_SOURCE_DIR}/tests/matrix/matrix_runner.c)
target_link_libraries(matrix_runner PRIVATE kith_all)
add_test(NAME matrix.filter
  COMMAND ${CMAKE_SOURCE_DIR}/tests/matrix/run.sh $<TARGET_FILE:matrix_runner>)
set_tests_properties(matrix.filter PROPERTIES TIMEOUT ${patience} SKIP_RETURN_CODE 77)

# Our messages of the Milvus protocol against those of an SDK; skipped without node or a registry.
add_test(NAME milvus.descriptor
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/test-descriptor.sh ${CMAKE_BINARY_DIR})
set_tests_properties(milvus.descriptor PROPERTIES TIMEOUT ${patience} SKIP_RETURN_CODE 77)

# The clients that people use, end to end; skipped where their packages cannot be had.
if(TARGET kith AND NOT KITH_SANITIZE)
  foreach(language node python langchain llamaindex go java)
    add_test(NAME sdk.${language} COMMAND ${CMAKE_SOURCE_DIR}/tests/sdk/run.sh ${language}
      $<TARGET_FILE:kith> ${CMAKE_BINARY_DIR})
    set_tests_properties(sdk.${language} PROPERTIES TIMEOUT ${patience} SKIP_RETURN_CODE 77)
  endforeach()
endif()

# The Redis door with the clients that people use; skipped where they cannot be had.
if(TARGET kith AND NOT KITH_SANITIZE)
  foreach(client ioredis node_redis glide redis_py doors redisvl mem0 langchain langchain_community
      cache_http redis_cli redis_benchmark)
    add_test(NAME clients.${client} COMMAND ${CMAKE_SOURCE_DIR}/tests/clients/run.sh ${client}
      $<TARGET_FILE:kith> ${CMAKE_BINARY_DIR})
    set_tests_properties(clients.${client} PROPERTIES TIMEOUT ${patience} SKIP_RETURN_CODE 77)
  endforeach()
  add_executable(kill_writes ${CMAKE_SOURCE_DIR}/tests/clients/kill_writes.c)
  target_link_libraries(kill_writes PRIVATE m)
  add_test(NAME clients.kill COMMAND kill_writes $<TARGET_FILE:kith>)
  set_tests_properties(clients.kill PROPERTIES TIMEOUT ${patience})
  add_executable(memory_limit ${CMAKE_SOURCE_DIR}/tests/clients/memory_limit.c)
  add_test(NAME clients.memory_limit COMMAND memory_limit $<TARGET_FILE:kith>)
  add_test(NAME clients.memory_limit_small COMMAND memory_limit $<TARGET_FILE:kith>)
  set_tests_properties(clients.memory_limit clients.memory_limit_small PROPERTIES TIMEOUT ${patience})
  set_tests_properties(clients.memory_limit_small PROPERTIES ENVIRONMENT KITH_LIMIT_MB=64)
  add_test(NAME clients.power_cut COMMAND kill_writes $<TARGET_FILE:kith> cut)
  set_tests_properties(clients.power_cut PROPERTIES TIMEOUT ${patience} SKIP_RETURN_CODE 77)
endif()
