// What we call of wasmtime's C library, version 50. The declarations follow its binary interface, not its headers'
// text; the assertions below pin the layouts, and SandboxTests calls through each of them.
#ifndef ONEUP_WASMTIME_C_H
#define ONEUP_WASMTIME_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Opaque objects of the library.
typedef struct wasm_config wasm_config;
typedef struct wasm_engine wasm_engine;
typedef struct wasm_valtype wasm_valtype;
typedef struct wasm_functype wasm_functype;
typedef struct wasm_trap wasm_trap;
typedef struct wasm_frame wasm_frame;
typedef struct wasmtime_error wasmtime_error;
typedef struct wasmtime_module wasmtime_module;
typedef struct wasmtime_linker wasmtime_linker;
typedef struct wasmtime_instance_pre wasmtime_instance_pre;
typedef struct wasmtime_store wasmtime_store;
typedef struct wasmtime_context wasmtime_context;
typedef struct wasmtime_caller wasmtime_caller;
typedef struct wasmtime_pooling_config wasmtime_pooling_config;

// Vectors: owned by whoever got them, until the matching delete.
typedef struct { size_t size; uint8_t *data; } wasm_bytes;
typedef struct { size_t size; wasm_valtype **data; } wasm_valtypes;
typedef struct { size_t size; wasm_frame **data; } wasm_frames;

// Handles: plain values, valid as long as their store.
typedef struct { uint64_t store; void *place; } wasmtime_func;
typedef struct { uint64_t store; uint32_t a, b, c; } wasmtime_global;
typedef struct { struct { uint64_t store; uint32_t a; } of; uint32_t b; } wasmtime_memory;
typedef struct { uint64_t store; size_t place; } wasmtime_instance;

enum { WASMTIME_IS_FUNC = 0, WASMTIME_IS_GLOBAL = 1, WASMTIME_IS_TABLE = 2, WASMTIME_IS_MEMORY = 3 };
typedef struct {
  uint8_t kind;
  union { wasmtime_func func; wasmtime_global global; wasmtime_memory memory; } of;
} wasmtime_extern;

enum { WASMTIME_VAL_I32 = 0, WASMTIME_VAL_I64 = 1, WASMTIME_VAL_F32 = 2, WASMTIME_VAL_F64 = 3 };
typedef struct {
  uint8_t kind;
  // `reference` is here for its size: the library writes a whole value.
  union { int32_t i32; int64_t i64; uint32_t f32_bits; uint64_t f64_bits; uint64_t reference[3]; } of;
} wasmtime_val;

typedef union { int32_t i32; int64_t i64; uint8_t v128[16]; uint64_t words[2]; } wasmtime_val_raw;

_Static_assert(sizeof(wasmtime_func) == 16, "layout of a function handle");
_Static_assert(sizeof(wasmtime_global) == 24, "layout of a global handle");
_Static_assert(sizeof(wasmtime_memory) == 24 && offsetof(wasmtime_memory, b) == 16, "layout of a memory handle");
_Static_assert(sizeof(wasmtime_instance) == 16, "layout of an instance handle");
_Static_assert(sizeof(wasmtime_extern) == 32 && offsetof(wasmtime_extern, of) == 8, "layout of an extern");
_Static_assert(sizeof(wasmtime_val) == 32 && offsetof(wasmtime_val, of) == 8, "layout of a value");
_Static_assert(sizeof(wasmtime_val_raw) == 16, "layout of a raw value");

enum { WASMTIME_TRAP_STACK = 0, WASMTIME_TRAP_MEMORY = 1, WASMTIME_TRAP_INTERRUPT = 10, WASMTIME_TRAP_FUEL = 11 };

// Configuration.
wasm_config *wasm_config_new(void);
void wasmtime_config_consume_fuel_set(wasm_config *, bool);
void wasmtime_config_epoch_interruption_set(wasm_config *, bool);
void wasmtime_config_max_wasm_stack_set(wasm_config *, size_t);
void wasmtime_config_wasm_threads_set(wasm_config *, bool);
void wasmtime_config_shared_memory_set(wasm_config *, bool);
void wasmtime_config_wasm_relaxed_simd_set(wasm_config *, bool);
void wasmtime_config_wasm_multi_memory_set(wasm_config *, bool);
void wasmtime_config_wasm_memory64_set(wasm_config *, bool);
void wasmtime_config_wasm_exceptions_set(wasm_config *, bool);
void wasmtime_config_gc_support_set(wasm_config *, bool);
void wasmtime_config_cranelift_nan_canonicalization_set(wasm_config *, bool);
void wasmtime_config_parallel_compilation_set(wasm_config *, bool);
void wasmtime_config_memory_reservation_set(wasm_config *, uint64_t);
void wasmtime_config_memory_guard_size_set(wasm_config *, uint64_t);
wasmtime_pooling_config *wasmtime_pooling_allocation_config_new(void);
void wasmtime_pooling_allocation_config_delete(wasmtime_pooling_config *);
void wasmtime_pooling_allocation_config_total_core_instances_set(wasmtime_pooling_config *, uint32_t);
void wasmtime_pooling_allocation_config_total_memories_set(wasmtime_pooling_config *, uint32_t);
void wasmtime_pooling_allocation_config_total_tables_set(wasmtime_pooling_config *, uint32_t);
void wasmtime_pooling_allocation_config_max_memory_size_set(wasmtime_pooling_config *, size_t);
void wasmtime_pooling_allocation_strategy_set(wasm_config *, const wasmtime_pooling_config *);

// Engine. `new_with_config` takes the configuration; nil when it contradicts itself.
wasm_engine *wasm_engine_new_with_config(wasm_config *);
void wasm_engine_delete(wasm_engine *);
void wasmtime_engine_increment_epoch(const wasm_engine *);

// Modules.
wasmtime_error *wasmtime_module_new(wasm_engine *, const uint8_t *, size_t, wasmtime_module **);
void wasmtime_module_delete(wasmtime_module *);
wasmtime_error *wasmtime_module_serialize(const wasmtime_module *, wasm_bytes *);
wasmtime_error *wasmtime_module_deserialize_file(wasm_engine *, const char *path, wasmtime_module **);
wasmtime_error *wasmtime_module_deserialize(wasm_engine *, const uint8_t *, size_t, wasmtime_module **);

// Host functions. `functype_new` takes both vectors.
wasm_valtype *wasm_valtype_new(uint8_t kind);
void wasm_valtype_vec_new(wasm_valtypes *, size_t, wasm_valtype *const *);
void wasm_valtype_vec_new_empty(wasm_valtypes *);
wasm_functype *wasm_functype_new(wasm_valtypes *parameters, wasm_valtypes *results);
void wasm_functype_delete(wasm_functype *);
typedef wasm_trap *(*wasmtime_host_function)(void *env, wasmtime_caller *, wasmtime_val_raw *, size_t);
wasmtime_context *wasmtime_caller_context(wasmtime_caller *);
wasmtime_linker *wasmtime_linker_new(wasm_engine *);
void wasmtime_linker_delete(wasmtime_linker *);
wasmtime_error *wasmtime_linker_define_func_unchecked(
    wasmtime_linker *, const char *module, size_t module_length, const char *name, size_t name_length,
    const wasm_functype *, wasmtime_host_function, void *env, void (*finalizer)(void *));
wasmtime_error *wasmtime_linker_instantiate_pre(
    const wasmtime_linker *, const wasmtime_module *, wasmtime_instance_pre **);

// Instances.
wasmtime_store *wasmtime_store_new(wasm_engine *, void *data, void (*finalizer)(void *));
void wasmtime_store_delete(wasmtime_store *);
wasmtime_context *wasmtime_store_context(wasmtime_store *);
void wasmtime_store_limiter(
    wasmtime_store *, int64_t memory_bytes, int64_t table_elements, int64_t instances, int64_t tables, int64_t memories);
wasmtime_error *wasmtime_context_set_fuel(wasmtime_context *, uint64_t);
wasmtime_error *wasmtime_context_get_fuel(const wasmtime_context *, uint64_t *);
void wasmtime_context_set_epoch_deadline(wasmtime_context *, uint64_t ticks_beyond_current);
void wasmtime_instance_pre_delete(wasmtime_instance_pre *);
wasmtime_error *wasmtime_instance_pre_instantiate(
    const wasmtime_instance_pre *, wasmtime_context *, wasmtime_instance *, wasm_trap **);
bool wasmtime_instance_export_get(
    wasmtime_context *, const wasmtime_instance *, const char *name, size_t name_length, wasmtime_extern *);

// Calls. Unchecked: the caller vouches for the function's type.
wasmtime_error *wasmtime_func_call_unchecked(
    wasmtime_context *, const wasmtime_func *, wasmtime_val_raw *, size_t, wasm_trap **);

// Memory and globals.
uint8_t *wasmtime_memory_data(wasmtime_context *, const wasmtime_memory *);
size_t wasmtime_memory_data_size(const wasmtime_context *, const wasmtime_memory *);
wasmtime_error *wasmtime_memory_grow(wasmtime_context *, const wasmtime_memory *, uint64_t delta, uint64_t *before);
void wasmtime_global_get(wasmtime_context *, const wasmtime_global *, wasmtime_val *);
wasmtime_error *wasmtime_global_set(wasmtime_context *, const wasmtime_global *, const wasmtime_val *);

// Errors and traps.
void wasmtime_error_delete(wasmtime_error *);
void wasmtime_error_message(const wasmtime_error *, wasm_bytes *);
void wasmtime_error_wasm_trace(const wasmtime_error *, wasm_frames *);
void wasm_byte_vec_delete(wasm_bytes *);
wasm_trap *wasmtime_trap_new(const char *, size_t);
bool wasmtime_trap_code(const wasm_trap *, uint8_t *);
void wasm_trap_trace(const wasm_trap *, wasm_frames *);
void wasm_trap_delete(wasm_trap *);
void wasm_frame_vec_delete(wasm_frames *);
const wasm_bytes *wasmtime_frame_func_name(const wasm_frame *);
uint32_t wasm_frame_func_index(const wasm_frame *);
size_t wasm_frame_module_offset(const wasm_frame *);

#endif
