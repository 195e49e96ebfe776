# What the verbs print: progress bar and summary. No engine behind them, so their tests are quick.
shoal_library(cli_face SOURCES display_text.cpp progress.cpp summary.cpp
              LINKS shoal_core PRIVATE_LINKS shoal_sink)
shoal_test(cli_face SOURCES progress_test.cpp summary_test.cpp LINKS shoal_cli_face Boost::json)
