# Alarms on their way to brokers and webhooks, and what they say.
target_sources(shoal_sink PRIVATE
  alarm_message.cpp alarm_spool.cpp broker_address.cpp frigate_form.cpp frigate_reviews.cpp
  mqtt_link.cpp mqtt_sink.cpp nats_link.cpp nats_sink.cpp
  spool_file.cpp spool_folder.cpp webhook_sink.cpp)
target_link_libraries(shoal_sink PRIVATE ZLIB::ZLIB OpenSSL::Crypto PkgConfig::MOSQUITTO
                                         PkgConfig::CURL PkgConfig::NATS)
shoal_test(sink_messages SOURCES alarm_spool_test.cpp messages_test.cpp
                         LINKS shoal_sink Boost::json)
shoal_fuzz(sink spool_file SOURCES spool_file_fuzz.cpp LINKS shoal_sink ZLIB::ZLIB)
