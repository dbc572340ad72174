// The one line of ours at the end of an app's page: our panel in a frame, unseen until it has
// something to say. Whatever the page is made of is left as it is: no name of ours in its window,
// nothing that its own selectors or styles would find, nothing loaded before it is itself.

(() => {
  const add = () => {
    const host = document.createElement("div");
    const dialog = document.createElement("dialog");
    const frame = document.createElement("iframe");
    frame.src = `${location.origin}/__gw/panel`;
    const whole = "width:100%;height:100%;max-width:none;max-height:none;margin:0;padding:0;border:0;";
    dialog.style.cssText = `${whole}position:fixed;inset:0;background:transparent;overflow:hidden`;
    frame.style.cssText = `${whole}display:block;background:transparent;color-scheme:dark`;
    host.style.cssText = "all:initial !important"; // whatever the page styles
    dialog.append(frame);
    host.attachShadow({ mode: "closed" }).append(dialog);
    document.documentElement.append(host);
  };
  if (document.readyState === "complete") add();
  else addEventListener("load", add, { once: true });
})();
