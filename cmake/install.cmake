# `cmake --install`: the program, libshoal.so with the public headers, and a CMake package:
#   find_package(shoal REQUIRED)  target_link_libraries(app PRIVATE shoal::shoal)
# OpenVINO's libraries are copied beside it, so that the installed tree does not need .venv.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# All of Shoal as one shared library that exports the façade only.
add_library(shoal_shared SHARED ${PROJECT_SOURCE_DIR}/src/pipeline/detector.cpp)
shoal_compile_options(shoal_shared)
set(exports ${PROJECT_SOURCE_DIR}/cmake/exports.map)
target_link_options(shoal_shared PRIVATE -Wl,--version-script=${exports})
target_link_libraries(shoal_shared PRIVATE shoal_pipeline)
set_target_properties(shoal_shared PROPERTIES
  OUTPUT_NAME shoal EXPORT_NAME shoal VERSION ${PROJECT_VERSION} SOVERSION 0
  LINK_DEPENDS ${exports} INTERFACE_LINK_LIBRARIES "" INTERFACE_INCLUDE_DIRECTORIES ""
  INSTALL_RPATH "$ORIGIN/shoal")
target_include_directories(shoal_shared INTERFACE $<INSTALL_INTERFACE:include>)
target_compile_features(shoal_shared INTERFACE cxx_std_20)
set_target_properties(shoal PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/shoal")

install(TARGETS shoal)
install(TARGETS shoal_shared EXPORT shoal)
install(DIRECTORY include/shoal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES shoal.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/shoal)
install(EXPORT shoal NAMESPACE shoal:: FILE shoalTargets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/shoal)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/shoalConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
file(WRITE ${PROJECT_BINARY_DIR}/shoalConfig.cmake
     "include(\"\${CMAKE_CURRENT_LIST_DIR}/shoalTargets.cmake\")\n")
install(FILES ${PROJECT_BINARY_DIR}/shoalConfig.cmake
              ${PROJECT_BINARY_DIR}/shoalConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/shoal)

# What the CPU engine loads at run time.
get_filename_component(openvino_libs ${SHOAL_OPENVINO_CMAKE}/../libs ABSOLUTE)
file(GLOB openvino_runtime ${openvino_libs}/libopenvino.so.* ${openvino_libs}/libtbb*.so*
     ${openvino_libs}/libhwloc.so* ${openvino_libs}/libopenvino_intel_cpu_plugin.so
     ${openvino_libs}/libopenvino_onnx_frontend.so.* ${openvino_libs}/libopenvino_ir_frontend.so.*)
install(FILES ${openvino_runtime} DESTINATION ${CMAKE_INSTALL_LIBDIR}/shoal)
