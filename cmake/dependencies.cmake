# Debian 12 packages. Required ones fail the configuration with the package's name; an optional
# one that is missing costs its feature only (`kith version --features` shows it).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(HDF5 IMPORTED_TARGET hdf5)
