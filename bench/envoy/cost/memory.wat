;; A filter that calls the host as the memory of what was spent does, and does nothing else. It
;; reads one of 4,096 slots, and writes it with four entries.
(module
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)

  ;; From 0: where the host has put a value, its size, its version; the number of requests at 32.
  (data (i32.const 320) "passgate/3/spent/passgate/passgate/000")

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  ;; Read values are put behind all this, each time in the same place.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) i32.const 65536)
  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32))
  (func (export "proxy_on_vm_start") (param $context i32) (param $size i32) (result i32) i32.const 1)
  (func (export "proxy_on_configure") (param $context i32) (param $size i32) (result i32) i32.const 1)
  ;; The slot's name ends in three characters of a number of twelve bits.
  (func $digit (param $at i32) (param $number i32)
    (i32.store8 (local.get $at)
      (i32.add (i32.const 97) (i32.and (local.get $number) (i32.const 15)))))
  (func (export "proxy_on_request_headers") (param $context i32) (param $headers i32) (param $end i32) (result i32)
    (local $number i32)
    (local.set $number (i32.mul (local.get $context) (i32.const 2654435)))
    (call $digit (i32.const 355) (i32.shr_u (local.get $number) (i32.const 3)))
    (call $digit (i32.const 356) (i32.shr_u (local.get $number) (i32.const 7)))
    (call $digit (i32.const 357) (i32.shr_u (local.get $number) (i32.const 11)))
    (i32.store (i32.const 8) (i32.const 0))
    (drop (call $get (i32.const 320) (i32.const 38) (i32.const 0) (i32.const 4) (i32.const 8)))
    (drop (call $set (i32.const 320) (i32.const 38) (i32.const 1024) (i32.const 160) (i32.load (i32.const 8))))
    i32.const 0)
  (func (export "proxy_on_delete") (param $context i32)))
