// The pages that links in e-mails open, in English.

import type { Mailed } from './mailed.es';

export const mailed: Mailed = {
	worthless: 'This link works no more: it was used, is too old or incomplete. Ask for another.',
	home: 'Go to DentiCloud',
	working: 'One moment…',
	verify: {
		title: 'Confirm your e-mail address',
		lead: 'Confirm that this e-mail address is yours.',
		submit: 'Confirm',
		done: 'Your address is confirmed. You can sign in now.'
	},
	address: {
		title: 'Confirm your new e-mail address',
		lead: 'From now on you sign in to your account with this address.',
		submit: 'Use this address',
		done: 'Your account has the new address.'
	},
	forgot: {
		title: 'Forgotten password',
		link: 'Forgotten your password?',
		lead: 'Tell us the address of your account, and we send you a link.',
		submit: 'Send the link',
		done: 'If the address has an account, a link is on its way.'
	},
	reset: {
		title: 'Choose a new password',
		password: 'New password',
		hint: 'At least 10 characters, and not your address.',
		submit: 'Save',
		refused: 'That password is too easy, or the link works no more.',
		done: 'Your password is the new one. Your other sessions were ended.'
	},
	register: {
		title: "Create your patient's account",
		link: "Create a patient's account",
		lead: 'With an account you see your visits to all your dentists.',
		firstName: 'First name',
		lastName: 'Last name',
		dateOfBirth: 'Date of birth (optional)',
		submit: 'Create the account',
		signIn: 'I have an account',
		refused: 'Check what you entered: the address, or a password that is longer or less easy.',
		done: 'You have mail: open its link to confirm the address. Then you can sign in.'
	},
	invitation: {
		title: 'Invitation',
		lead: '{practice} invites you to work with them.',
		as: 'You join as {email}.',
		newcomer: 'Create your account to accept, or sign in if you have one.',
		name: 'Your name',
		accept: 'Accept',
		reject: 'Decline',
		refused: 'Check the name and the password (at least 10 characters).',
		known: 'There is an account with this address: sign in to accept.',
		accepted: 'Welcome: the practice is in your account now.',
		rejected: 'The invitation was declined.'
	},
	record: {
		title: 'Your visits online',
		lead: 'A practice invites you to see your visits in your account.',
		submit: 'Add to my account',
		done: 'The visits to this practice are among yours now.'
	},
	question: {
		title: 'May they see your record?',
		lead: '{practice} asks to see the record of {name}, with its medical facts.',
		accept: 'Allow',
		decline: 'Do not allow',
		accepted: 'The practice can see your record.',
		declined: 'The practice will not see your record.'
	},
	offer: {
		title: 'A time for you',
		lead: 'The details are in the e-mail that you got. Whoever accepts first has the time.',
		accept: 'Take the time',
		decline: 'Leave it to somebody else',
		accepted: 'The visit is yours. See you then.',
		declined: 'Thank you for telling us. You stay on the waitlist.'
	},
	booking: {
		title: 'Your visit',
		when: 'When',
		treatment: 'Treatment',
		dentist: 'Dentist',
		practice: 'Practice',
		move: 'Move the visit',
		day: 'Day',
		times: 'Free times',
		noTimes: 'Nothing is free that day: choose another one.',
		moved: 'The visit has its new time.',
		cancel: 'Cancel the visit',
		late: 'It is too late to move or cancel it online: call the practice.',
		cancelled: 'The visit is cancelled.'
	}
};
