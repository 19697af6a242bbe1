;; A filter that calls the host as passgate does for a request without a token, and decides nothing:
;; it reads all headers and the time, hands a record to the access log, counts, and answers 401 with
;; a challenge.
(module
  (import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment_metric (param i32 i64) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $headers (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)

  ;; From 0: what the host writes; the number of the counter at 32.
  (data (i32.const 256) "passgate.missing.token")
  ;; Three headers: their number, the lengths of names and values, then these, each with a zero byte
  ;; behind it.
  (data (i32.const 320) "\03\00\00\00\0c\00\00\00\18\00\00\00\0d\00\00\00\08\00\00\00\10\00\00\00\17\00\00\00content-type\00application/problem+json\00cache-control\00no-store\00www-authenticate\00Bearer realm=\22passgate\22\00")
  (data (i32.const 512) "passgate.audit")
  (data (i32.const 544) "bench.verdicts")
  (data (i32.const 576) "{\22version\22:1,\22time\22:\222026-11-21T12:00:00.000Z\22,\22decision\22:\22deny\22,\22reason\22:\22missing.token\22,\22rule\22:0,\22request_id\22:\220f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f\22,\22policy\22:\223941b7309565\22,\22plugin\22:\22passgate\22}")
  (data (i32.const 896) "{\22type\22:\22about:blank\22,\22title\22:\22Unauthorized\22,\22status\22:401,\22request_id\22:\220f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f\22}\0a")

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  ;; Read headers are put behind all this, each time in the same place.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) i32.const 65536)
  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32))
  (func (export "proxy_on_vm_start") (param $context i32) (param $size i32) (result i32) i32.const 1)
  (func (export "proxy_on_configure") (param $context i32) (param $size i32) (result i32)
    (drop (call $define_metric (i32.const 0) (i32.const 544) (i32.const 14) (i32.const 32)))
    i32.const 1)
  (func (export "proxy_on_request_headers") (param $context i32) (param $headers i32) (param $end i32) (result i32)
    (drop (call $headers (i32.const 0) (i32.const 0) (i32.const 4)))
    (drop (call $time (i32.const 16)))
    (drop (call $increment_metric (i32.load (i32.const 32)) (i64.const 1)))
    (drop (call $set_property (i32.const 512) (i32.const 14) (i32.const 576) (i32.const 195)))
    ;; No gRPC status.
    (drop (call $reply (i32.const 401) (i32.const 256) (i32.const 22) (i32.const 896) (i32.const 111)
      (i32.const 320) (i32.const 130) (i32.const -1)))
    i32.const 1)
  (func (export "proxy_on_delete") (param $context i32)))
