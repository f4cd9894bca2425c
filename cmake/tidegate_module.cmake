# tidegate_module(NAME DEPENDS a b ... LIBRARIES X::Y ...)
#
# One call a folder. It makes the library tidegate_NAME from the folder's *.cpp, a test program NAME_test from its
# *_test.cpp (and their support, test_*.cpp) and a benchmark NAME_bench from its *_bench.cpp, and it refuses an edge that
# points upward: a module may depend only on modules of a lower rank.

set(TIDEGATE_RANKS
  base:0
  http:1
  aws:2
  catalog:3 attest:3
  identity:4 policy:4 routing:4 chat:4 audit:4
  model:5 peer:5
  api:6
  gateway:7
  net:8 store:8 config:8 proof:8
  admin:9
  cli:10)

function(tidegate_rank NAME OUT)
  foreach(entry IN LISTS TIDEGATE_RANKS)
    string(REPLACE ":" ";" pair "${entry}")
    list(GET pair 0 name)
    list(GET pair 1 rank)
    if(name STREQUAL NAME)
      set(${OUT} ${rank} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "module '${NAME}' has no rank: add it to TIDEGATE_RANKS in cmake/tidegate_module.cmake")
endfunction()

function(tidegate_flags TARGET)
  target_compile_features(${TARGET} PUBLIC cxx_std_23)
  target_compile_options(${TARGET} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wconversion
    -Wno-sign-conversion -Wno-c23-extensions -Werror)
  target_include_directories(${TARGET} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(${TARGET} PUBLIC BOOST_ALL_NO_LIB SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
endfunction()

function(tidegate_module NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBRARIES" ${ARGN})
  tidegate_rank(${NAME} own_rank)
  foreach(dependency IN LISTS ARG_DEPENDS)
    tidegate_rank(${dependency} rank)
    if(rank GREATER_EQUAL own_rank)
      message(FATAL_ERROR "src/${NAME} may not depend on src/${dependency}: that edge points upward or sideways")
    endif()
  endforeach()

  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp
    ${CMAKE_CURRENT_SOURCE_DIR}/test_*.cpp)
  file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_bench.cpp)
  list(REMOVE_ITEM sources ${tests} ${benches} ${CMAKE_CURRENT_SOURCE_DIR}/main.cpp "")
  list(TRANSFORM ARG_DEPENDS PREPEND tidegate_)

  if(sources)
    if(CMAKE_CXX_FLAGS_RELWITHDEBINFO MATCHES "-fprofile-use")  # what release builds are optimised for
      set_source_files_properties(${sources} PROPERTIES OBJECT_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/release.profdata)
    endif()
    add_library(tidegate_${NAME} STATIC ${sources})
    tidegate_flags(tidegate_${NAME})
    target_link_libraries(tidegate_${NAME} PUBLIC ${ARG_DEPENDS} ${ARG_LIBRARIES})
    if(NAME STREQUAL base)
      target_precompile_headers(tidegate_base PRIVATE ${CMAKE_SOURCE_DIR}/src/base/precompiled.hpp)
    else()
      target_precompile_headers(tidegate_${NAME} REUSE_FROM tidegate_base)
    endif()
  else()
    add_library(tidegate_${NAME} INTERFACE)
    target_include_directories(tidegate_${NAME} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(tidegate_${NAME} INTERFACE ${ARG_DEPENDS} ${ARG_LIBRARIES})
  endif()

  if(tests AND BUILD_TESTING)
    add_executable(${NAME}_test ${tests})
    tidegate_flags(${NAME}_test)
    target_link_libraries(${NAME}_test PRIVATE tidegate_${NAME} GTest::gtest GTest::gtest_main)
    target_precompile_headers(${NAME}_test REUSE_FROM tidegate_base)
    target_compile_definitions(${NAME}_test PRIVATE TIDEGATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${NAME} COMMAND ${NAME}_test --gtest_brief=1)
    set_tests_properties(${NAME} PROPERTIES LABELS unit TIMEOUT 60)
  endif()
  if(benches)
    add_executable(${NAME}_bench EXCLUDE_FROM_ALL ${benches})
    tidegate_flags(${NAME}_bench)
    target_link_libraries(${NAME}_bench PRIVATE tidegate_${NAME} benchmark::benchmark benchmark::benchmark_main)
  endif()
endfunction()
