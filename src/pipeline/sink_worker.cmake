# One sink with its own thread and queue.
target_sources(shoal_pipeline PRIVATE sink_worker.cpp)
shoal_test(pipeline_sink_worker SOURCES sink_worker_test.cpp ../core/counted_allocations.cpp
                                LINKS shoal_pipeline)
