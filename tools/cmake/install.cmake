# The shared library, and what `cmake --install` puts where: libraries, headers, a CMake package (clinception::clinception,
# clinception::clinception_static) and a pkg-config file.
include(CMakePackageConfigHelpers)

add_library(clinception SHARED $<TARGET_OBJECTS:icn_objects>)
# ABI rule (include/clinception/clinception.h): while MAJOR is 0 every MINOR is its own ABI.
set_target_properties(clinception PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_link_libraries(clinception PRIVATE ${ICN_PRIVATE_LIBRARIES} icn_flags)
if(NOT WIN32)
  target_link_options(clinception PRIVATE -Wl,--no-undefined)
endif()
foreach(target clinception clinception_static)
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>)
endforeach()

install(TARGETS clinception LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES $<TARGET_FILE:clinception_static> DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/clinception DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE THIRD_PARTY.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET clinception_tool)
  install(TARGETS clinception_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(ICN_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/clinception)
configure_package_config_file(tools/cmake/clinception-config.cmake.in ${CMAKE_BINARY_DIR}/clinception-config.cmake
  INSTALL_DESTINATION ${ICN_PACKAGE_DIR} PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/clinception-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/clinception-config.cmake ${CMAKE_BINARY_DIR}/clinception-config-version.cmake DESTINATION ${ICN_PACKAGE_DIR})
file(RELATIVE_PATH ICN_PC_INCLUDE ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(tools/cmake/clinception.pc.in ${CMAKE_BINARY_DIR}/clinception.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/clinception.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
