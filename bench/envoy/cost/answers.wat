;; The empty filter with a callback for answers, which does nothing either.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32))
  (func (export "proxy_on_vm_start") (param $context i32) (param $size i32) (result i32) i32.const 1)
  (func (export "proxy_on_configure") (param $context i32) (param $size i32) (result i32) i32.const 1)
  (func (export "proxy_on_request_headers") (param $context i32) (param $headers i32) (param $end i32) (result i32) i32.const 0)
  (func (export "proxy_on_delete") (param $context i32))
  (func (export "proxy_on_response_headers") (param $context i32) (param $headers i32) (param $end i32) (result i32) i32.const 0))
