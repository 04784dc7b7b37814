/** Classes that may also be called without `new`, as in programs of the 0.8 line. */

/** A class, or a call of it with the arguments of its constructor; a client takes none and ignores what it gets. */
export type Callable<C extends new (...args: never[]) => object> = C &
  ((...args: ConstructorParameters<C>) => InstanceType<C>)

/** `Class` itself to `new`, `extends` and `instanceof`; a plain call makes an instance. */
export function callable<C extends new (...args: never[]) => object>(Class: C): Callable<C> {
  const proxy = new Proxy(Class, {
    apply: (target, _self, args) => Reflect.construct(target, args),
  }) as Callable<C>
  Object.defineProperty(Class.prototype, 'constructor', { value: proxy, writable: true, configurable: true })
  return proxy
}
