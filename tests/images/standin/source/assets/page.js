const button = document.querySelector("button");
const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/queue`);
socket.onopen = () => { button.disabled = false; };
socket.onmessage = (event) => { document.querySelector("output").textContent = event.data; };
button.onclick = () => socket.send("paint");
