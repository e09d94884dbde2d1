# The rooms of the house, lowest first. Each is an object library made of every .c file in its
# folder; which room may include which is checked by tests/house.
set(KITH_LIBRARY_ROOMS base os model kernel text quant index log storage query engine)
set(KITH_PROGRAM_ROOMS import bench cmd)

function(kith_room room)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.c)
  if(NOT sources)
    return()
  endif()
  add_library(room_${room} OBJECT ${sources})
  target_include_directories(room_${room} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(room_${room} PUBLIC PkgConfig::XXHASH
    Threads::Threads m)
  set(KITH_ROOMS_BUILT ${KITH_ROOMS_BUILT} ${room} PARENT_SCOPE)
endfunction()

set(KITH_ROOMS_BUILT "")
foreach(room ${KITH_LIBRARY_ROOMS} ${KITH_PROGRAM_ROOMS})
  kith_room(${room})
endforeach()
message(STATUS "rooms: ${KITH_ROOMS_BUILT}")

# One file per instruction set, named by it.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  file(GLOB avx2 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*/*_avx2.c)
  file(GLOB avx512 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*/*_avx512.c)
  foreach(f ${avx2})
    set_source_files_properties(${f} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-mbmi2;-mpopcnt")
  endforeach()
  foreach(f ${avx512})
    set_source_files_properties(${f} PROPERTIES COMPILE_OPTIONS
      "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mavx512vpopcntdq;-mavx2;-mfma;-mf16c;-mbmi2;-mpopcnt")
  endforeach()
endif()
if(HDF5_FOUND AND TARGET room_import)
  target_compile_definitions(room_import PRIVATE KITH_HAVE_HDF5=1 H5_USE_110_API=1)
  target_link_libraries(room_import PUBLIC PkgConfig::HDF5)
endif()

# All rooms as one static library: what tests, fuzzers and the program link (internal symbols are
# visible to a static link).
set(objects "")
set(library_objects "")
foreach(room ${KITH_ROOMS_BUILT})
  if(NOT room STREQUAL "cmd")
    list(APPEND objects $<TARGET_OBJECTS:room_${room}>)
  endif()
  if(room IN_LIST KITH_LIBRARY_ROOMS)
    list(APPEND library_objects $<TARGET_OBJECTS:room_${room}>)
  endif()
endforeach()
add_library(kith_all STATIC ${objects})
target_include_directories(kith_all PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(kith_all PUBLIC PkgConfig::XXHASH Threads::Threads m)
if(HDF5_FOUND)
  target_link_libraries(kith_all PUBLIC PkgConfig::HDF5)
endif()
