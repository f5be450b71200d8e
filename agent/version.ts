declare const __WGC_VERSION__: string | undefined;

/** The bundle's version: esbuild puts it in (`--define:__WGC_VERSION__`); "dev" when run from a plain bundle. */
export const VERSION = typeof __WGC_VERSION__ === "string" ? __WGC_VERSION__ : "dev";
