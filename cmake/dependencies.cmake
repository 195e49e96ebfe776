# Third-party libraries: Debian's packages, and OpenVINO from the pinned wheel in .venv (it carries
# headers, CMake files and libraries). scripts/setup installs all of them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC REQUIRED)
find_package(prometheus-cpp REQUIRED)

pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat libavcodec libswscale libavutil)
pkg_check_modules(AVDEVICE REQUIRED libavdevice)
pkg_check_modules(TURBOJPEG REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(PANGO REQUIRED IMPORTED_TARGET pangocairo cairo)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
pkg_check_modules(NATS REQUIRED IMPORTED_TARGET libnats)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)

find_program(SHOAL_PYTHON NAMES python3 PATHS ${PROJECT_SOURCE_DIR}/.venv/bin
             NO_DEFAULT_PATH REQUIRED)
execute_process(
  COMMAND ${SHOAL_PYTHON} -c
          "from openvino.utils import get_cmake_path; print(get_cmake_path(), end='')"
  OUTPUT_VARIABLE SHOAL_OPENVINO_CMAKE COMMAND_ERROR_IS_FATAL ANY)
find_package(OpenVINO REQUIRED COMPONENTS Runtime PATHS ${SHOAL_OPENVINO_CMAKE} NO_DEFAULT_PATH)
get_target_property(SHOAL_OPENVINO_DEFINITIONS openvino::runtime INTERFACE_COMPILE_DEFINITIONS)
if("${SHOAL_OPENVINO_DEFINITIONS}" MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
  message(FATAL_ERROR "This OpenVINO wheel has the old C++ ABI, Debian's libraries the new one.")
endif()
