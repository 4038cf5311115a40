/** `@modicum/client`: for Node and for browsers. */
export { digestOf } from "./artifacts.js";
export type { Content, DatasetImage } from "./contents.js";
export type { components, operations, paths } from "./contract.js";
export { ModicumError, type Violation } from "./errors.js";
export { Modicum, type ModicumOptions, type Operation } from "./modicum.js";
export type { Audit, WatchOptions } from "./watching.js";
