# shoal_library(core SOURCES a.cpp LINKS shoal_x)      src/core        -> static library shoal_core
# shoal_test(core SOURCES a_test.cpp LINKS ...)        tests of it     -> program shoal_core_test
# shoal_bench(core SOURCES a_bench.cpp)                google-benchmark -> program shoal_core_bench
# shoal_fuzz(core box_decode SOURCES box_decode_fuzz.cpp)  fuzzer and its corpus as a test
# Sources are listed by name: a file that is not listed is a file that the tests complain about.

function(shoal_compile_options target)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  if(SHOAL_DEVELOPER_MODE)
    target_compile_options(${target} PRIVATE
      -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror
      $<$<BOOL:${CMAKE_UNITY_BUILD}>:-Wno-subobject-linkage>)
  endif()
  if(SHOAL_SANITIZER STREQUAL "address")
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  elseif(SHOAL_SANITIZER STREQUAL "thread")
    target_compile_options(${target} PRIVATE -fsanitize=thread)
    target_link_options(${target} PUBLIC -fsanitize=thread)
  endif()
endfunction()

function(shoal_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(shoal_${folder} STATIC ${ARG_SOURCES})
  shoal_compile_options(shoal_${folder})
  target_link_libraries(shoal_${folder} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

function(shoal_test folder)
  if(NOT SHOAL_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(shoal_${folder}_test ${ARG_SOURCES})
  shoal_compile_options(shoal_${folder}_test)
  if(NOT SHOAL_SANITIZER)
    # More than half of a cold build is tests: unoptimised they take two thirds of the time.
    target_compile_options(shoal_${folder}_test PRIVATE -O0)
  endif()
  target_link_libraries(shoal_${folder}_test PRIVATE ${ARG_LINKS} GTest::gtest_main)
  set_target_properties(shoal_${folder}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                        ${PROJECT_BINARY_DIR}/tests)
  # Two properties, as a list in one of them comes apart on its way to ctest.
  gtest_discover_tests(shoal_${folder}_test DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS unit
               ENVIRONMENT SHOAL_SOURCE_DIR=${PROJECT_SOURCE_DIR}
               ENVIRONMENT_MODIFICATION PYTHON=set:${SHOAL_PYTHON})
endfunction()

function(shoal_bench folder)
  if(NOT SHOAL_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(shoal_${folder}_bench ${ARG_SOURCES})
  shoal_compile_options(shoal_${folder}_bench)
  target_link_libraries(shoal_${folder}_bench PRIVATE ${ARG_LINKS} benchmark::benchmark_main)
  set_target_properties(shoal_${folder}_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                        ${PROJECT_BINARY_DIR}/benchmarks)
  # Runs once, tiny, so that benchmarks do not rot.
  add_test(NAME bench.${folder} COMMAND shoal_${folder}_bench --benchmark_min_time=0.001)
  set_tests_properties(bench.${folder} PROPERTIES LABELS bench TIMEOUT 120)
endfunction()

# A fuzzer defines LLVMFuzzerTestOneInput, as libFuzzer has it, and is linked to a small driver that
# runs a corpus folder (src/<folder>/<name>_corpus) and seeded mutations of it. `make fuzz` runs
# more of them under AddressSanitizer.
function(shoal_fuzz folder name)
  if(NOT SHOAL_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  set(target shoal_${name}_fuzz)
  add_executable(${target} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz_driver.cpp)
  shoal_compile_options(${target})
  target_link_libraries(${target} PRIVATE ${ARG_LINKS})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  add_test(NAME fuzz.${name} COMMAND ${target} ${PROJECT_SOURCE_DIR}/src/${folder}/${name}_corpus)
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${target})
endfunction()
