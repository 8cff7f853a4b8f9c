// What a hostile page can try on a local server. `target` is its origin ("" for the page's own, after the page's
// host name was rebound). Every attempt ends with what the page got to see of the answer.

const PATIENCE = 15000; // ms: a browser on a busy machine may take long

function patient(promise) {
        return Promise.race([promise, new Promise((done) => setTimeout(() => done("nothing in time"), PATIENCE))]);
}

async function seen(answer) {
        return { type: answer.type, status: answer.status, body: (await answer.text()).slice(0, 400) };
}

function element(name, attributes, events) {
        return new Promise((done) => {
                const made = document.createElement(name);
                for (const event of events || ["load", "error"]) {
                        made.addEventListener(event, () => done({ event: event, text: peek(made) }));
                }
                Object.assign(made, attributes);
                document.body.appendChild(made);
        });
}

// What a page can read of a frame; throws across origins.
function peek(made) {
        try {
                return made.contentDocument ? made.contentDocument.body.innerText.slice(0, 400) : "";
        } catch (error) {
                return "unreadable";
        }
}

function form(target, path, encoding, fields) {
        return new Promise((done) => {
                const frame = document.createElement("iframe");
                frame.name = "frame" + Math.random();
                document.body.appendChild(frame);
                const made = document.createElement("form");
                Object.assign(made, { method: "POST", action: target + path, target: frame.name, enctype: encoding });
                for (const [name, value] of Object.entries(fields)) {
                        const input = document.createElement("input");
                        Object.assign(input, { type: "hidden", name: name, value: value });
                        made.appendChild(input);
                }
                document.body.appendChild(made);
                frame.addEventListener("load", () => done({ event: "load", text: peek(frame) }));
                made.submit();
        });
}

function fromFrame(target, path) {
        return new Promise((done) => {
                window.addEventListener("message", (event) => done(event.data), { once: true });
                const frame = document.createElement("iframe");
                frame.sandbox = "allow-scripts";
                frame.srcdoc = "<script>fetch('" + target + path + "').then(a => a.text())" +
                        ".then(t => parent.postMessage({body: t}, '*'), e => parent.postMessage('' + e, '*'))</" + "script>";
                document.body.appendChild(frame);
        });
}

function socket(target) {
        return new Promise((done) => {
                const made = new WebSocket((target || location.origin).replace("http", "ws") + "/v1/sandbox/token");
                made.onopen = () => done("open");
                made.onerror = () => done("error");
                made.onmessage = (event) => done({ body: event.data });
        });
}

function events(target) {
        return new Promise((done) => {
                const made = new EventSource(target + "/v1/sandbox/token");
                made.onmessage = (event) => done({ body: event.data });
                made.onerror = () => {
                        made.close();
                        done("error");
                };
        });
}

function request(target) {
        return new Promise((done) => {
                const made = new XMLHttpRequest();
                made.onload = () => done({ status: made.status, body: made.responseText.slice(0, 400) });
                made.onerror = () => done("error");
                made.open("GET", target + "/v1/sandbox/token");
                made.setRequestHeader("EQP-Client", "page");
                made.send();
        });
}

function attempts(target) {
        const token = target + "/v1/sandbox/token", refresh = target + "/v1/sandbox/refresh";
        const report = target + "/v1/sandbox/token/rejected", session = target + "/sandbox/rest/v1/app/session/token";
        const gateway = target + "/sandbox/rest/v1/users/me";
        const named = { "EQP-Client": "page" };
        const tries = {
                "fetch": () => fetch(token).then(seen),
                "fetch no-cors": () => fetch(token, { mode: "no-cors" }).then(seen),
                "fetch named": () => fetch(token, { headers: named }).then(seen),
                "fetch named no-cors": () => fetch(token, { headers: named, mode: "no-cors" }).then(seen),
                "fetch text": () => fetch(token, { headers: { "Accept": "text/plain" } }).then(seen),
                "fetch with credentials": () => fetch(token, { credentials: "include" }).then(seen),
                "fetch status": () => fetch(target + "/v1/status", { headers: named }).then(seen),
                "fetch metrics": () => fetch(target + "/metrics").then(seen),
                "fetch ready": () => fetch(target + "/readyz").then(seen),
                "xhr": () => request(target),
                "post": () => fetch(refresh, { method: "POST" }).then(seen),
                "post no-cors": () => fetch(refresh, { method: "POST", mode: "no-cors", body: "" }).then(seen),
                "post named": () => fetch(refresh, { method: "POST", headers: named }).then(seen),
                "post json": () => fetch(report, { method: "POST", body: '{"ust":"x"}',
                        headers: { "Content-Type": "application/json" } }).then(seen),
                "post text no-cors": () => fetch(report, { method: "POST", mode: "no-cors", body: '{"ust":"x"}' }).then(seen),
                "post session": () => fetch(session, { method: "POST", body: '{"grant_type":"session"}',
                        headers: { "Authorization": "Basic YTpi" } }).then(seen),
                "post session no-cors": () => fetch(session, { method: "POST", mode: "no-cors",
                        body: '{"grant_type":"session"}', headers: { "Authorization": "Basic YTpi" } }).then(seen),
                "put": () => fetch(refresh, { method: "PUT" }).then(seen),
                "keepalive": () => fetch(refresh, { method: "POST", keepalive: true, mode: "no-cors" }).then(seen),
                "beacon": () => navigator.sendBeacon(refresh, ""),
                "beacon text": () => navigator.sendBeacon(report, '{"ust":"x"}'),
                "form": () => form(target, "/v1/sandbox/refresh", "application/x-www-form-urlencoded", { a: "b" }),
                "form text": () => form(target, "/v1/sandbox/token/rejected", "text/plain", { '{"ust":"': '"}' }),
                "form session": () => form(target, "/sandbox/rest/v1/app/session/token", "text/plain", { "{": "}" }),
                "image": () => element("img", { src: token }),
                "script": () => element("script", { src: token }),
                "style": () => element("link", { rel: "stylesheet", href: token }),
                "frame": () => element("iframe", { src: token }),
                "object": () => element("object", { data: token }),
                "sandboxed frame": () => fromFrame(target || location.origin, "/v1/sandbox/token"),
                "gateway": () => fetch(gateway).then(seen),
                "gateway no-cors": () => fetch(gateway, { mode: "no-cors" }).then(seen),
                "gateway named": () => fetch(gateway, { headers: named }).then(seen),
                "gateway bearer": () => fetch(gateway, { headers: { "Authorization": "Bearer eqpl1.x" } }).then(seen),
                "gateway post no-cors": () => fetch(gateway, { method: "POST", mode: "no-cors", body: "{}" }).then(seen),
                "gateway delete": () => fetch(gateway, { method: "DELETE" }).then(seen),
                "gateway keepalive": () => fetch(gateway, { method: "POST", keepalive: true, mode: "no-cors" }).then(seen),
                "gateway form": () => form(target, "/sandbox/rest/v1/users/me", "multipart/form-data", { a: "b" }),
                "gateway image": () => element("img", { src: gateway }),
                "gateway frame": () => element("iframe", { src: gateway }),
                "websocket": () => socket(target),
                "events": () => events(target),
        };
        return tries;
}

async function attack(target) {
        const report = {};
        await Promise.all(Object.entries(attempts(target)).map(async ([name, attempt]) => {
                try {
                        report[name] = await patient(attempt());
                } catch (error) {
                        report[name] = "refused by the browser: " + error;
                }
        }));
        return report;
}
