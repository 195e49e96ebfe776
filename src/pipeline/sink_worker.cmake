# One sink with its own thread and queue.
target_sources(shoal_pipeline PRIVATE sink_worker.cpp)
