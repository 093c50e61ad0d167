// What the phones themselves say, in the language their owner has set. What KwaStage says comes over the air.

export const WORDS = {
  en: {
    menu: "Menu", names: "Names", call: "Call", clear: "Clear", back: "Back", select: "Select", send: "Send", cancel: "Cancel", ok: "OK",
    write: "Write message", inbox: "Inbox", reply: "Reply", next: "Next", to: "To", empty: "No messages yet", show: "Show", exit: "Exit",
    running: "USSD code running…", problem: "Connection problem or invalid MMI code.", sending: "Sending…", sent: "Message sent",
    unsent: "Message not sent. Try again.", pin: "Enter M-PESA PIN:", hotline: "KwaStage hotline",
    answer: "Answer", reject: "Reject", hangUp: "End call", callBack: "Call", calling: "Calling…", ringing: "Incoming call",
    talking: "Call in progress", listening: "Press a number to answer", over: "Call ended", unanswered: "Call not answered",
    missed: "Missed call", unavailable: "This number is not available.", busy: "End the other call first.",
    fresh: (count) => (count === 1 ? "1 new message" : `${count} new messages`), tongue: { en: "English", sw: "Swahili" }, day: "en-GB",
  },
  sw: {
    menu: "Menyu", names: "Majina", call: "Piga", clear: "Futa", back: "Rudi", select: "Chagua", send: "Tuma", cancel: "Ghairi", ok: "Sawa",
    write: "Andika ujumbe", inbox: "Kikasha", reply: "Jibu", next: "Endelea", to: "Kwa", empty: "Hakuna ujumbe bado", show: "Soma", exit: "Toka",
    running: "Inatuma ombi…", problem: "Tatizo la mtandao au namba si sahihi.", sending: "Inatuma…", sent: "Ujumbe umetumwa",
    unsent: "Ujumbe haukutumwa. Jaribu tena.", pin: "Weka PIN ya M-PESA:", hotline: "Simu ya KwaStage",
    answer: "Pokea", reject: "Kataa", hangUp: "Kata simu", callBack: "Piga", calling: "Inapiga…", ringing: "Simu inaingia",
    talking: "Mko kwenye simu", listening: "Bonyeza namba kujibu", over: "Simu imekatwa", unanswered: "Simu haikupokewa",
    missed: "Hukupokea simu", unavailable: "Namba hii haipatikani.", busy: "Kata simu nyingine kwanza.",
    fresh: (count) => (count === 1 ? "Ujumbe mpya 1" : `Jumbe mpya ${count}`), tongue: { en: "Kiingereza", sw: "Kiswahili" }, day: "sw-KE",
  },
};
