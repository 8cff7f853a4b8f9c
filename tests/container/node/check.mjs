// check.mjs: objects of Kubernetes on standard input, a JSON array; prints an array with the troubles of each.
//
// Two descriptions are asked. kubernetes-models has types, formats, choices and what is required, but lets any other
// key pass; the tables of @kubernetes/client-node name every key there is, so that a misspelt one is found.
import { readFileSync } from "node:fs";

const client = new URL("./node_modules/@kubernetes/client-node/dist/gen/models/", import.meta.url);

async function unknownKeys(value, type, path) {
    const list = /^Array<(.*)>$/.exec(type);
    if (list) {
        return Array.isArray(value) ? collect(value.map((item, i) => unknownKeys(item, list[1], `${path}[${i}]`))) : [];
    }
    const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
    const object = value !== null && typeof value === "object" && !Array.isArray(value);
    if (map) {
        return object ? collect(Object.keys(value).map((key) => unknownKeys(value[key], map[1], `${path}.${key}`))) : [];
    }
    if (!object || !/^(V\d|Core|Discovery|Events)/.test(type)) {
        return [];
    }
    const model = (await import(new URL(`${type}.js`, client)))[type];
    const types = new Map(model.getAttributeTypeMap().map((row) => [row.baseName, row.type]));
    return collect(Object.keys(value).map((key) => types.has(key)
        ? unknownKeys(value[key], types.get(key), `${path}.${key}`)
        : [`${path} has no field ${key}`]));
}

async function collect(parts) {
    return (await Promise.all(parts)).flat();
}

async function wrongValues(document) {
    const models = await import(`kubernetes-models/${document.apiVersion}`);
    if (!(document.kind in models)) {
        return [`there is no ${document.kind} in ${document.apiVersion}`];
    }
    try {
        new models[document.kind](document).validate();
        return [];
    } catch (error) {
        return [`${document.kind}: ${error.message}`];
    }
}

async function check(document) {
    try {
        return await collect([unknownKeys(document, `V1${document.kind}`, document.kind), wrongValues(document)]);
    } catch (error) {
        return [`${document.apiVersion} ${document.kind}: ${error.message}`];
    }
}

console.log(JSON.stringify(await Promise.all(JSON.parse(readFileSync(0, "utf8")).map(check))));
